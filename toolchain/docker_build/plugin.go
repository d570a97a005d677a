//go:build tools

// Package plugin pins the official docker-build plugin, which is built from its published modules.
package plugin

import _ "github.com/pulumi/pulumi-docker-build/provider/cmd/pulumi-resource-docker-build"
