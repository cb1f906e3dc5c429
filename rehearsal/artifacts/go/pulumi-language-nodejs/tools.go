//go:build tools

// Package tools names the Node language host, which later releases of the SDK module no longer carry.
package tools

import _ "github.com/pulumi/pulumi/sdk/v3/nodejs/cmd/pulumi-language-nodejs"
