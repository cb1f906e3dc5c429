package main

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestKeyPermissionsFollowCockroachDBsRule(t *testing.T) {
	for _, c := range []struct {
		name                string
		mode                os.FileMode
		owner, group, ownID int
		accepted            bool
	}{
		{"private to the owner", 0o600, 1000, 1000, 1000, true},
		{"executable by the owner", 0o700, 1000, 1000, 1000, true},
		{"a Kubernetes secret read through the pod's runAsGroup", 0o440, 0, 1000, 1000, true},
		{"writable by root, read by the group", 0o640, 0, 1000, 1000, true},
		{"the most that is allowed", 0o740, 0, 1000, 1000, true},
		{"writable by the group", 0o660, 0, 1000, 1000, false},
		{"readable by all", 0o644, 0, 1000, 1000, false},
		{"a Kubernetes secret read through fsGroup alone", 0o440, 0, 1000, 0, false},
		{"readable by the group, but not owned by root", 0o440, 1000, 1000, 1000, false},
	} {
		err := checkKeyPermissions("node.key", c.mode, c.owner, c.group, c.ownID)
		if (err == nil) != c.accepted {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	err := checkKeyPermissions("node.key", 0o440, 0, 1000, 0)
	if err == nil || !strings.Contains(err.Error(), "has permissions -r--r-----, exceeds -rwx------") ||
		!strings.Contains(err.Error(), "runAsGroup to 1000") {
		t.Errorf("no help in: %v", err)
	}
}

func TestNodeCertificatesAreChecked(t *testing.T) {
	good := newAuthority(t)
	for _, c := range []struct {
		name  string
		spoil func(folder string)
		words string
	}{
		{"good", func(string) {}, ""},
		{"wrong common name", func(f string) { good.issue(t, f, "node", leafOptions{name: "root"}) },
			`has common name "root", expected "node"`},
		{"expired", func(f string) {
			good.issue(t, f, "node", leafOptions{name: "node", notAfter: time.Now().Add(-time.Minute)})
		},
			"expired"},
		{"no client usage", func(f string) {
			good.issue(t, f, "node", leafOptions{name: "node", usages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
		}, "incompatible key usage"},
		{"no server usage", func(f string) {
			good.issue(t, f, "node", leafOptions{name: "node", usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
		}, "incompatible key usage"},
		{"another authority", func(f string) {
			newAuthority(t).issue(t, f, "node", leafOptions{name: "node"})
			writePEM(t, filepath.Join(f, "ca.crt"), "CERTIFICATE", good.certificate.Raw, 0o644)
		}, "unknown authority"},
		{"no key", func(f string) { must(t, os.Remove(filepath.Join(f, "node.key"))) }, "could not stat key file"},
		{"no certificate", func(f string) { must(t, os.Remove(filepath.Join(f, "node.crt"))) }, "problem with node certificate"},
		{"no authority", func(f string) { must(t, os.Remove(filepath.Join(f, "ca.crt"))) }, "problem with CA certificate"},
		{"empty authority", func(f string) { must(t, os.WriteFile(filepath.Join(f, "ca.crt"), nil, 0o644)) }, "no certificates found"},
		{"key of another certificate", func(f string) {
			other := filepath.Join(f, "other")
			good.issue(t, other, "node", leafOptions{name: "node"})
			must(t, os.Rename(filepath.Join(other, "node.key"), filepath.Join(f, "node.key")))
		}, "private key does not match"},
		{"key open to all", func(f string) { must(t, os.Chmod(filepath.Join(f, "node.key"), 0o644)) }, "has permissions -rw-r--r--"},
		{"key is a folder", func(f string) {
			must(t, os.Remove(filepath.Join(f, "node.key")))
			must(t, os.Mkdir(filepath.Join(f, "node.key"), 0o700))
		}, "is not a regular file"},
	} {
		folder := t.TempDir()
		good.issue(t, folder, "node", leafOptions{name: "node"})
		c.spoil(folder)
		_, err := loadNodeCertificates(folder, time.Now())
		switch {
		case c.words == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.words != "" && (err == nil || !strings.Contains(err.Error(), c.words)):
			t.Errorf("%s: got %v, want %q", c.name, err, c.words)
		}
	}
}

func TestASecretMountedByLinksIsAccepted(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can make a file that root owns")
	}
	// As the kubelet does it: files in a dated folder, a link to the folder, links to the files through that.
	folder := t.TempDir()
	newAuthority(t).issue(t, filepath.Join(folder, "..2026_11"), "node", leafOptions{name: "node"})
	must(t, os.Symlink("..2026_11", filepath.Join(folder, "..data")))
	for _, name := range []string{"ca.crt", "node.crt", "node.key"} {
		file := filepath.Join(folder, "..2026_11", name)
		must(t, os.Chmod(file, 0o440))
		must(t, os.Chown(file, 0, os.Getgid()))
		must(t, os.Symlink(filepath.Join("..data", name), filepath.Join(folder, name)))
	}
	if _, err := loadNodeCertificates(folder, time.Now()); err != nil {
		t.Error(err)
	}
}
