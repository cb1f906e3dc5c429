//go:build tools

// Package tools names the commands taken from the Submariner module.
package tools

import (
	_ "github.com/submariner-io/submariner"
	_ "github.com/submariner-io/submariner/pkg/await_node_ready"
	_ "github.com/submariner-io/submariner/pkg/routeagent_driver"
)
