package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	nodeUser = "node"
	rootUser = "root"

	// A key may be seen by its owner alone …
	maxKeyPermissions os.FileMode = 0o700
	// … or also be read by its group, if root owns it and the group is the process's own: so Kubernetes mounts secrets.
	maxGroupKeyPermissions os.FileMode = 0o740
)

// certificates are one reading of the certificate folder.
type certificates struct {
	authority *x509.CertPool
	pair      tls.Certificate
	leaf      *x509.Certificate
}

// loadNodeCertificates reads ca.crt, node.crt and node.key and refuses what no peer would accept: another name than
// `node`, a missing usage, a foreign authority, a date out of range, a key that others may read.
func loadNodeCertificates(folder string, now time.Time) (*certificates, error) {
	return loadCertificates(folder, "node", nodeUser,
		[]x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, now)
}

// loadRootCertificates reads ca.crt, client.root.crt and client.root.key, which `init` needs as CockroachDB's does.
func loadRootCertificates(folder string, now time.Time) (*certificates, error) {
	_, err := os.Stat(filepath.Join(folder, "client.root.crt"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, errors.New("cannot load certificates.\nproblem with client cert for user root: not found " +
			"(client.root.crt and client.root.key belong in " + folder + ")")
	}
	return loadCertificates(folder, "client.root", rootUser, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, now)
}

func loadCertificates(folder, base, user string, usages []x509.ExtKeyUsage, now time.Time) (*certificates, error) {
	authorityPath := filepath.Join(folder, "ca.crt")
	certificatePath := filepath.Join(folder, base+".crt")
	keyPath := filepath.Join(folder, base+".key")

	authorityPEM, err := os.ReadFile(authorityPath)
	if err != nil {
		return nil, fmt.Errorf("problem with CA certificate: %w", err)
	}
	authority := x509.NewCertPool()
	if !authority.AppendCertsFromPEM(authorityPEM) {
		return nil, fmt.Errorf("problem with CA certificate: no certificates found in %s", authorityPath)
	}
	certificatePEM, err := os.ReadFile(certificatePath)
	if err != nil {
		return nil, fmt.Errorf("problem with %s certificate: %w", user, err)
	}
	if err := checkKeyFile(keyPath); err != nil {
		return nil, err
	}
	keyPEM, err := os.ReadFile(keyPath)
	if err != nil {
		return nil, fmt.Errorf("could not read key file %s: %w", keyPath, err)
	}
	pair, err := tls.X509KeyPair(certificatePEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("problem with %s and %s: %w", certificatePath, keyPath, err)
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return nil, fmt.Errorf("problem with %s: %w", certificatePath, err)
	}
	if leaf.Subject.CommonName != user {
		return nil, fmt.Errorf("certificate %s has common name %q, expected %q",
			certificatePath, leaf.Subject.CommonName, user)
	}
	intermediates := poolOfRest(certificatePEM)
	for _, usage := range usages {
		// One at a time: Verify is content when any one of several usages is there.
		_, err := leaf.Verify(x509.VerifyOptions{Roots: authority, Intermediates: intermediates,
			CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{usage}})
		if err != nil {
			return nil, fmt.Errorf("certificate %s does not hold against %s: %w", certificatePath, authorityPath, err)
		}
	}
	return &certificates{authority: authority, pair: pair, leaf: leaf}, nil
}

// poolOfRest holds every certificate of a PEM file but the first.
func poolOfRest(content []byte) *x509.CertPool {
	pool := x509.NewCertPool()
	_, rest := pem.Decode(content)
	pool.AppendCertsFromPEM(rest)
	return pool
}

// checkKeyFile follows links, as Kubernetes mounts secrets by them, and applies CockroachDB's rule to the file behind.
func checkKeyFile(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("could not stat key file %s: %w", path, err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("key file %s is not a regular file", path)
	}
	status, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("could not learn the owner of key file %s", path)
	}
	return checkKeyPermissions(path, info.Mode().Perm(), int(status.Uid), int(status.Gid), os.Getgid())
}

// checkKeyPermissions is CockroachDB's rule. Supplementary groups (a pod's fsGroup) do not count, only the process's
// own group (a pod's runAsGroup).
func checkKeyPermissions(path string, mode os.FileMode, ownerUID, ownerGID, processGID int) error {
	allowed := maxKeyPermissions
	if ownerUID == 0 && ownerGID == processGID {
		allowed = maxGroupKeyPermissions
	}
	if mode&^allowed == 0 {
		return nil
	}
	hint := ""
	if ownerUID == 0 && mode&^maxGroupKeyPermissions == 0 {
		hint = fmt.Sprintf(" (the file's group is %d, the process's %d: set the pod's runAsGroup to %d)",
			ownerGID, processGID, ownerGID)
	}
	return fmt.Errorf("key file %s has permissions %s, exceeds %s%s", path, mode, allowed, hint)
}

// trust hands out TLS configurations made of the newest reading of the folder.
type trust struct {
	load    func() (*certificates, error)
	current atomic.Pointer[certificates]
}

// newTrust reads the folder for the first time.
func newTrust(load func() (*certificates, error)) (*trust, error) {
	t := &trust{load: load}
	return t, t.reload()
}

// reload keeps the old certificates when the new ones are not usable.
func (t *trust) reload() error {
	fresh, err := t.load()
	if err != nil {
		return err
	}
	t.current.Store(fresh)
	return nil
}

// peerServer is the configuration of the port that nodes and `init` dial: TLS 1.3, client certificate required, its
// name `node` or `root`.
func (t *trust) peerServer() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS13, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		now := t.current.Load()
		return &tls.Config{
			MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{now.pair},
			ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: now.authority,
			// A resumed session would not show the certificate in use today.
			SessionTicketsDisabled: true,
			VerifyConnection:       func(s tls.ConnectionState) error { return checkPeerName(s, nodeUser, rootUser) },
		}, nil
	}}
}

// statusServer is the configuration of the HTTPS port: node certificate, no client certificate asked.
func (t *trust) statusServer() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		return &t.current.Load().pair, nil
	}}
}

// client is the configuration for dialling a node by its name: the name must be among the certificate's SANs and its
// common name must be `node`.
func (t *trust) client(host string) *tls.Config {
	now := t.current.Load()
	return &tls.Config{
		MinVersion: tls.VersionTLS13, ServerName: host, RootCAs: now.authority, Certificates: []tls.Certificate{now.pair},
		VerifyConnection: func(s tls.ConnectionState) error { return checkPeerName(s, nodeUser) },
	}
}

func checkPeerName(state tls.ConnectionState, allowed ...string) error {
	name := peerName(state)
	for _, candidate := range allowed {
		if name == candidate {
			return nil
		}
	}
	return fmt.Errorf("peer's certificate has common name %q, expected one of %q", name, allowed)
}

func peerName(state tls.ConnectionState) string {
	if len(state.PeerCertificates) == 0 {
		return ""
	}
	return state.PeerCertificates[0].Subject.CommonName
}
