//go:build tools

// Package buildkitd pins BuildKit's daemon, which is built from its published modules.
package buildkitd

import _ "github.com/moby/buildkit/cmd/buildkitd"
