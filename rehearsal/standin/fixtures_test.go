package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The tests run the program as real processes: the test binary, told by its environment, is the program.
const asProgram = "STANDIN_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

type leafOptions struct {
	name     string
	notAfter time.Time
	usages   []x509.ExtKeyUsage
	hosts    []string
}

var bothUsages = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}

func serial() *big.Int {
	n, _ := rand.Int(rand.Reader, big.NewInt(1<<62))
	return n
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: serial(), Subject: pkix.Name{CommonName: "test CA"}, IsCA: true,
		BasicConstraintsValid: true, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	certificate, err := x509.ParseCertificate(der)
	must(t, err)
	return authority{certificate, key}
}

// issue writes <base>.crt and <base>.key, and ca.crt, into a folder.
func (a authority) issue(t *testing.T, folder, base string, o leafOptions) *x509.Certificate {
	t.Helper()
	if o.notAfter.IsZero() {
		o.notAfter = time.Now().Add(time.Hour)
	}
	if o.usages == nil {
		o.usages = bothUsages
	}
	if o.hosts == nil {
		o.hosts = []string{"localhost"}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: serial(), Subject: pkix.Name{CommonName: o.name}, DNSNames: o.hosts,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: o.notAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: o.usages}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	must(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	must(t, os.MkdirAll(folder, 0o755))
	writePEM(t, filepath.Join(folder, "ca.crt"), "CERTIFICATE", a.certificate.Raw, 0o644)
	writePEM(t, filepath.Join(folder, base+".crt"), "CERTIFICATE", der, 0o644)
	writePEM(t, filepath.Join(folder, base+".key"), "PRIVATE KEY", keyDER, 0o600)
	leaf, err := x509.ParseCertificate(der)
	must(t, err)
	return leaf
}

func writePEM(t *testing.T, path, kind string, der []byte, mode os.FileMode) {
	t.Helper()
	must(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode))
	must(t, os.Chmod(path, mode))
}

// world is a certificate authority, its folders and a set of processes.
type world struct {
	t         *testing.T
	folder    string
	authority authority
	certs     string
	rootCerts string
	client    *http.Client
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, folder: t.TempDir(), authority: newAuthority(t)}
	w.certs, w.rootCerts = filepath.Join(w.folder, "certs"), filepath.Join(w.folder, "root-certs")
	w.authority.issue(t, w.certs, "node", leafOptions{name: "node"})
	w.authority.issue(t, w.rootCerts, "client.root",
		leafOptions{name: "root", usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	pool := x509.NewCertPool()
	pool.AddCert(w.authority.certificate)
	w.client = &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "localhost"}}}
	return w
}

type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

type process struct {
	w         *world
	address   string
	http      string
	arguments []string
	command   *exec.Cmd
	log       *output
	ended     chan error
}

var taken sync.Map

func freePort(t *testing.T) string {
	t.Helper()
	for {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		_, port, _ := net.SplitHostPort(l.Addr().String())
		l.Close()
		if _, again := taken.LoadOrStore(port, true); !again {
			return port
		}
	}
}

// node prepares the command line of a node in the form that the StatefulSet uses.
func (w *world) node(index int, clusterName string, join ...string) *process {
	address, httpAddress := "localhost:"+freePort(w.t), "localhost:"+freePort(w.t)
	if len(join) == 0 {
		join = []string{address}
	}
	return &process{w: w, address: address, http: httpAddress, arguments: []string{"start",
		"--advertise-addr=" + address, "--join=" + strings.Join(join, ","),
		fmt.Sprintf("--locality=cloud=test,region=r%d,zone=z%d", index/3, index), "--cluster-name=" + clusterName,
		"--certs-dir=" + w.certs, "--max-offset=250ms", "--cache=.25", "--max-sql-memory=.25",
		fmt.Sprintf("--store=%s/store-%d", w.folder, index), "--listen-addr=" + address, "--http-addr=" + httpAddress,
		"--logtostderr=INFO"}}
}

func (w *world) nodes(count int) []*process {
	nodes := make([]*process, count)
	var join []string
	for i := range nodes {
		nodes[i] = w.node(i, "test")
		if i < 2 {
			join = append(join, nodes[i].address)
		}
	}
	for _, p := range nodes {
		p.arguments[2] = "--join=" + strings.Join(join, ",")
		p.start()
	}
	return nodes
}

func program(arguments ...string) *exec.Cmd {
	command := exec.Command(os.Args[0], arguments...)
	command.Env = append(os.Environ(), asProgram+"=1")
	return command
}

func (p *process) start() {
	p.w.t.Helper()
	p.log = &output{}
	p.command = program(p.arguments...)
	p.command.Stderr, p.command.Stdout = p.log, p.log
	must(p.w.t, p.command.Start())
	ended, command := make(chan error, 1), p.command
	p.ended = ended
	go func() { ended <- command.Wait() }()
	p.w.t.Cleanup(func() {
		command.Process.Kill()
		if p.w.t.Failed() {
			p.w.t.Logf("log of %s:\n%s", p.address, p.log)
		}
	})
}

// stop sends SIGTERM and returns how long the process took to end with exit code 0.
func (p *process) stop() time.Duration {
	p.w.t.Helper()
	start := time.Now()
	must(p.w.t, p.command.Process.Signal(syscall.SIGTERM))
	select {
	case err := <-p.ended:
		if err != nil {
			p.w.t.Fatalf("%s did not end well: %v", p.address, err)
		}
	case <-time.After(5 * time.Second):
		p.w.t.Fatalf("%s still runs 5 s after SIGTERM", p.address)
	}
	return time.Since(start)
}

// get returns the status code and body of a page; 0 where nothing answers.
func (p *process) get(page string) (int, string) {
	answer, err := p.w.client.Get("https://" + p.http + page)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(answer.Body)
	return answer.StatusCode, string(body)
}

func (p *process) status() nodesAnswer {
	p.w.t.Helper()
	var answer nodesAnswer
	code, body := p.get("/_status/nodes")
	if code != 200 || json.Unmarshal([]byte(body), &answer) != nil {
		p.w.t.Fatalf("no status of %s: %d %s", p.address, code, body)
	}
	return answer
}

func (p *process) isReady() bool {
	code, _ := p.get("/health?ready=1")
	return code == 200
}

// initialize runs `init` against a node and returns its exit code and all it printed.
func (w *world) initialize(p *process, clusterName string) (int, string) {
	return w.execute("init", "--certs-dir="+w.rootCerts, "--host="+p.address, "--cluster-name="+clusterName)
}

// execute runs a command line to its end.
func (w *world) execute(arguments ...string) (int, string) {
	command := program(arguments...)
	text, _ := command.CombinedOutput()
	return command.ProcessState.ExitCode(), string(text)
}

func (w *world) eventually(what string, within time.Duration, condition func() bool) {
	w.t.Helper()
	deadline := time.Now().Add(within)
	for !condition() {
		if time.Now().After(deadline) {
			w.t.Fatalf("not within %s: %s", within, what)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
