//go:build tools

// Package engine pins the Pulumi command line, which is built from its published modules.
package engine

import _ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
