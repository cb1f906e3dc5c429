//go:build tools

// Package tools names the command taken from the Lighthouse module.
package tools

import _ "github.com/submariner-io/lighthouse/pkg/agent"
