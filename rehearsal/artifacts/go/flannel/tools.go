//go:build tools

// Package tools pins what flanneld needs. Its main.go is upstream's own, taken from the module when it is built, without
// the two back ends that cannot be built here: tencentvpc (its SDK is not served as a module) and udp (needs cgo).
package tools

import _ "github.com/flannel-io/flannel/cmd/install_conf"
