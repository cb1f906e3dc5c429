package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestHangupBringsInNewCertificates(t *testing.T) {
	w := newWorld(t)
	p := w.node(0, "test")
	p.start()
	presented := func() string {
		pool := x509.NewCertPool()
		pool.AddCert(w.authority.certificate)
		c, err := tls.Dial("tcp", p.http, &tls.Config{RootCAs: pool, ServerName: "localhost"})
		if err != nil {
			return ""
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	w.eventually("the node answers", 5*time.Second, func() bool { return presented() != "" })
	fresh := w.authority.issue(t, w.certs, "node", leafOptions{name: "node"})
	must(t, p.command.Process.Signal(syscall.SIGHUP))
	w.eventually("the new certificate is shown", 5*time.Second, func() bool { return presented() == fresh.SerialNumber.String() })

	w.authority.issue(t, w.certs, "node", leafOptions{name: "intruder"})
	must(t, p.command.Process.Signal(syscall.SIGHUP))
	w.eventually("the bad certificate is reported", 5*time.Second, func() bool {
		return strings.Contains(p.log.String(), "the old ones stay")
	})
	if presented() != fresh.SerialNumber.String() {
		t.Error("the bad certificate was taken")
	}
}

func TestProbeTellsGoodFromBad(t *testing.T) {
	w := newWorld(t)
	nodes := w.nodes(3)
	w.eventually("all answer", 10*time.Second, func() bool {
		return !slices.ContainsFunc(nodes, func(p *process) bool { code, _ := p.get("/health"); return code != 200 })
	})
	probeAll := func(certs string, targets ...string) (int, []probeResult) {
		command := program("probe", "--certs-dir="+certs, "--targets", strings.Join(targets, ","), "--timeout=3s")
		text, _ := command.Output()
		var results []probeResult
		if err := json.Unmarshal(text, &results); err != nil || len(results) != len(targets) {
			t.Fatalf("probe printed %q: %v", text, err)
		}
		return command.ProcessState.ExitCode(), results
	}
	code, results := probeAll(w.certs, nodes[0].address, nodes[1].address, nodes[2].address)
	for i, r := range results {
		if !r.OK || r.Name != nodes[i].address || r.TLS != "TLS 1.3" || r.PeerCN != "node" || r.RTTMicroseconds <= 0 ||
			!strings.HasPrefix(r.SourceAddressSeenByPeer, "127.0.0.1:") || !r.StandIn || code != 0 {
			t.Errorf("exit %d, %+v", code, r)
		}
	}
	_, port, _ := net.SplitHostPort(nodes[1].address)
	stranger := filepath.Join(w.folder, "stranger")
	newAuthority(t).issue(t, stranger, "node", leafOptions{name: "node"})
	wrongHost := filepath.Join(w.folder, "wrong-host")
	w.authority.issue(t, wrongHost, "node", leafOptions{name: "node", hosts: []string{"elsewhere"}})
	for _, c := range []struct{ name, certs, target, words string }{
		{"a port without a node", w.certs, "localhost:" + freePort(t), "connection refused"},
		{"a name that does not exist", w.certs, "nobody.invalid", "lookup nobody.invalid"},
		{"another name of a node", w.certs, "127.0.0.1:" + port, "another node answered: " + nodes[1].address},
		{"a name not in the certificate", w.certs, "127.0.0.2:" + port, "127.0.0.2"},
		{"a caller of another authority", stranger, nodes[0].address, "certificate"},
	} {
		code, results := probeAll(c.certs, c.target)
		if code != 1 || results[0].OK || !strings.Contains(results[0].Error, c.words) {
			t.Errorf("%s: exit %d, %+v", c.name, code, results[0])
		}
	}
}

func TestThePeerPortRefusesWhomItDoesNotKnow(t *testing.T) {
	w := newWorld(t)
	p := w.node(0, "test")
	p.start()
	w.eventually("the node answers", 5*time.Second, func() bool { code, _ := p.get("/health"); return code == 200 })
	pool := x509.NewCertPool()
	pool.AddCert(w.authority.certificate)
	speak := func(base, name string, version uint16) error {
		config := &tls.Config{RootCAs: pool, ServerName: "localhost", MaxVersion: version}
		if base != "" {
			folder := t.TempDir()
			w.authority.issue(t, folder, base, leafOptions{name: name})
			pair, err := tls.LoadX509KeyPair(filepath.Join(folder, base+".crt"), filepath.Join(folder, base+".key"))
			must(t, err)
			config.Certificates = []tls.Certificate{pair}
		}
		raw, err := tls.Dial("tcp", p.address, config)
		if err != nil {
			return err
		}
		defer raw.Close()
		_, _, err = (&connection{Conn: raw}).exchange(request{Kind: requestProbe})
		return err
	}
	if err := speak("node", "node", tls.VersionTLS13); err != nil {
		t.Errorf("a node was refused: %v", err)
	}
	if err := speak("client.root", "root", tls.VersionTLS13); err != nil {
		t.Errorf("root was refused: %v", err)
	}
	for name, err := range map[string]error{
		"no certificate": speak("", "", tls.VersionTLS13),
		"another user":   speak("client", "somebody", tls.VersionTLS13),
		"TLS 1.2":        speak("node", "node", tls.VersionTLS12),
	} {
		if err == nil {
			t.Errorf("%s was let in", name)
		}
	}
}
