//go:build tools

// Package tools names the engine's command, so that go.mod and go.sum pin all it needs.
package tools

import _ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
