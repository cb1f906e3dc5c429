// Command flannel-cni is the CNI plugin of type "flannel": it completes a network configuration with what flanneld wrote
// down about this node (its pod range, MTU) and hands the work to another plugin, by default "bridge" with host-local
// addresses. What it handed over on ADD is kept in a file, so that DEL and CHECK hand over the same.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	defaultSubnetFile = "/run/flannel/subnet.env"
	defaultDataFolder = "/var/lib/cni/flannel"
	// flannel's pod installs the network configuration a moment before flanneld has its range
	leaseDeadline = 20 * time.Second
)

// Error codes of the CNI specification.
const (
	codeIO          = 5
	codeDecoding    = 6
	codeTryAgain    = 11
	codeUnavailable = 50
)

type object = map[string]any

type configuration struct {
	Name          string `json:"name"`
	CNIVersion    string `json:"cniVersion"`
	SubnetFile    string `json:"subnetFile"`
	DataFolder    string `json:"dataDir"`
	Delegate      object `json:"delegate"`
	IPAM          object `json:"ipam"`
	RuntimeConfig any    `json:"runtimeConfig"`
	PrevResult    any    `json:"prevResult"`
}

type cniError struct {
	code    int
	message string
}

func (e cniError) Error() string { return e.message }

func main() {
	if err := run(os.Getenv("CNI_COMMAND")); err != nil {
		failure := cniError{code: codeIO, message: err.Error()}
		errors.As(err, &failure)
		_ = json.NewEncoder(os.Stdout).Encode(object{"cniVersion": "1.0.0", "code": failure.code, "msg": failure.message})
		os.Exit(1)
	}
}

func run(command string) error {
	if command == "VERSION" {
		return json.NewEncoder(os.Stdout).Encode(object{
			"cniVersion": "1.0.0", "supportedVersions": []string{"0.3.0", "0.3.1", "0.4.0", "1.0.0"},
		})
	}
	input, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	conf := configuration{SubnetFile: defaultSubnetFile, DataFolder: defaultDataFolder}
	if err := json.Unmarshal(input, &conf); err != nil {
		return cniError{codeDecoding, err.Error()}
	}
	memory := filepath.Join(conf.DataFolder, os.Getenv("CNI_CONTAINERID")+"-"+os.Getenv("CNI_IFNAME"))
	switch command {
	case "STATUS":
		if _, err := os.Stat(conf.SubnetFile); err != nil {
			return cniError{codeUnavailable, err.Error()}
		}
		return nil
	case "ADD":
		return add(conf, memory)
	case "DEL", "CHECK":
		return again(command, conf, memory)
	}
	return cniError{codeDecoding, "unknown CNI_COMMAND " + command}
}

func add(conf configuration, memory string) error {
	lease, err := awaitLease(conf.SubnetFile)
	if err != nil {
		return cniError{codeTryAgain, err.Error()}
	}
	delegate, err := json.Marshal(delegateFor(conf, lease))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(conf.DataFolder, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(memory, delegate, 0o600); err != nil {
		return err
	}
	return call(delegate)
}

// again repeats what ADD handed over; nothing to take down is success, as the specification wants it.
func again(command string, conf configuration, memory string) error {
	kept, err := os.ReadFile(memory)
	if errors.Is(err, fs.ErrNotExist) && command == "DEL" {
		return nil
	}
	if err != nil {
		return err
	}
	if conf.PrevResult != nil {
		var delegate object
		if err := json.Unmarshal(kept, &delegate); err != nil {
			return err
		}
		delegate["prevResult"] = conf.PrevResult
		if kept, err = json.Marshal(delegate); err != nil {
			return err
		}
	}
	if err := call(kept); err != nil || command == "CHECK" {
		return err
	}
	return os.Remove(memory)
}

// delegateFor fills in what the configuration leaves open.
func delegateFor(conf configuration, lease map[string]string) object {
	delegate := object{"type": "bridge"}
	for key, value := range conf.Delegate {
		delegate[key] = value
	}
	orElse := func(key string, value any) {
		if _, set := delegate[key]; !set {
			delegate[key] = value
		}
	}
	delegate["name"], delegate["cniVersion"] = conf.Name, conf.CNIVersion
	if conf.RuntimeConfig != nil {
		delegate["runtimeConfig"] = conf.RuntimeConfig
	}
	if delegate["type"] == "bridge" {
		orElse("isGateway", true)
	}
	if mtu, err := strconv.Atoi(lease["FLANNEL_MTU"]); err == nil {
		orElse("mtu", mtu)
	}
	// one of the two hides pod addresses from the world: flanneld, or else the bridge
	orElse("ipMasq", lease["FLANNEL_IPMASQ"] != "true")
	ipam := object{"type": "host-local", "ranges": [][]object{{{"subnet": network(lease["FLANNEL_SUBNET"])}}}}
	routes := []object{}
	for _, destination := range strings.Split(lease["FLANNEL_NETWORK"], ",") {
		if destination != "" {
			routes = append(routes, object{"dst": destination})
		}
	}
	ipam["routes"] = routes
	for key, value := range conf.IPAM {
		ipam[key] = value
	}
	orElse("ipam", ipam)
	return delegate
}

// network turns flanneld's notation, the gateway's address, into the range: 10.1.2.1/24 is 10.1.2.0/24.
func network(gateway string) string {
	prefix, err := netip.ParsePrefix(gateway)
	if err != nil {
		return gateway
	}
	return prefix.Masked().String()
}

// awaitLease reads flanneld's KEY=value file, once it exists.
func awaitLease(path string) (map[string]string, error) {
	deadline := time.Now().Add(leaseDeadline)
	for {
		text, err := os.ReadFile(path)
		if err == nil {
			lease := map[string]string{}
			for _, line := range strings.Split(string(text), "\n") {
				if key, value, ok := strings.Cut(line, "="); ok {
					lease[key] = value
				}
			}
			return lease, nil
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("flanneld has no pod range for this node yet: %w", err)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// call runs the plugin a configuration names; its answer is ours.
func call(conf []byte) error {
	var plugin struct{ Type string }
	if err := json.Unmarshal(conf, &plugin); err != nil {
		return err
	}
	for _, folder := range filepath.SplitList(os.Getenv("CNI_PATH")) {
		path := filepath.Join(folder, filepath.Base(plugin.Type))
		if _, err := os.Stat(path); err != nil {
			continue
		}
		command := exec.Command(path)
		command.Stdin, command.Stdout, command.Stderr = bytes.NewReader(conf), os.Stdout, os.Stderr
		err := command.Run()
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			os.Exit(exit.ExitCode()) // it has said why on standard output already
		}
		return err
	}
	return fmt.Errorf("no plugin %q in %s", plugin.Type, os.Getenv("CNI_PATH"))
}
