//go:build tools

// Package tools names the command taken from the Submariner operator module.
package tools

import _ "github.com/submariner-io/submariner-operator/cmd"
