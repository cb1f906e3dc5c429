package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func nodeIDs(nodes []*process) []int {
	var ids []int
	for _, p := range nodes {
		ids = append(ids, p.status().NodeID)
	}
	return ids
}

func allReady(nodes []*process) func() bool {
	return func() bool {
		return !slices.ContainsFunc(nodes, func(p *process) bool { return !p.isReady() })
	}
}

func TestSixNodesJoinAreReadyAfterInitAndKeepTheirIDs(t *testing.T) {
	w := newWorld(t)
	nodes := w.nodes(6)
	w.eventually("all nodes know each other before init", 20*time.Second, func() bool {
		return !slices.ContainsFunc(nodes, func(p *process) bool {
			code, _ := p.get("/health")
			return code != 200 || len(p.status().Nodes) != 6
		})
	})
	for _, p := range nodes {
		if code, body := p.get("/health?ready=1"); code != 503 || !strings.Contains(body, "waiting for cluster initialization") {
			t.Errorf("before init: %d %s", code, body)
		}
		if s := p.status(); s.ClusterID != "" || s.NodeID != 0 || s.Ready {
			t.Errorf("before init: %+v", s)
		}
	}

	if code, text := w.initialize(nodes[0], "other"); code != 1 || !strings.Contains(text, `local cluster name "other" does not match peer cluster name "test"`) {
		t.Errorf("init under a wrong name: %d %s", code, text)
	}
	if code, text := w.initialize(nodes[0], "test"); code != 0 || !strings.Contains(text, "Cluster successfully initialized") {
		t.Fatalf("init: %d %s", code, text)
	}
	w.eventually("all nodes ready", 20*time.Second, allReady(nodes))
	for _, p := range nodes {
		if code, text := w.initialize(p, "test"); code != 1 || !strings.Contains(text, "ERROR: cluster has already been initialized") {
			t.Errorf("second init: %d %s", code, text)
		}
	}
	ids := nodeIDs(nodes)
	if sorted := slices.Sorted(slices.Values(ids)); !slices.Equal(sorted, []int{1, 2, 3, 4, 5, 6}) || ids[0] != 1 {
		t.Errorf("node ids %v", ids)
	}
	clusterID := nodes[0].status().ClusterID
	w.eventually("every node has a connection to every other, in every node's view", 20*time.Second, func() bool {
		return !slices.ContainsFunc(nodes, func(p *process) bool {
			s := p.status()
			return len(s.Peers) != 5 || len(s.Nodes) != 6 ||
				slices.ContainsFunc(s.Nodes, func(n nodeStatus) bool { return len(n.Activity) != 5 }) ||
				slices.ContainsFunc(s.Peers, func(one peerStatus) bool {
					return !one.Connected || one.RTTMicroseconds <= 0 || one.SeenSourceAddress == ""
				})
		})
	})
	checkStatus(t, nodes[5].status(), clusterID)

	first := nodes[1].status().Nodes[0].StartedAt
	for _, p := range nodes {
		if took := p.stop(); took > 2*time.Second {
			t.Errorf("stopping took %s", took)
		}
	}
	for _, p := range nodes {
		p.start()
	}
	w.eventually("all nodes ready again", 20*time.Second, allReady(nodes))
	if again := nodeIDs(nodes); !slices.Equal(ids, again) || nodes[3].status().ClusterID != clusterID {
		t.Errorf("after a restart: ids %v, were %v", again, ids)
	}
	w.eventually("the new start is known", 10*time.Second, func() bool { return nodes[1].status().Nodes[0].StartedAt != first })
	if code, _ := w.initialize(nodes[2], "test"); code != 1 {
		t.Error("init was accepted after a restart")
	}
}

func checkStatus(t *testing.T, s nodesAnswer, clusterID string) {
	t.Helper()
	if !s.StandIn || !strings.Contains(s.Notice, "NOT CockroachDB") || s.ClusterID != clusterID || s.ClusterName != "test" {
		t.Errorf("head of the status: %+v", s)
	}
	for _, n := range s.Nodes {
		if !strings.Contains(n.BuildInfo.Tag, "stand-in") || len(n.Desc.Locality.Tiers) != 3 ||
			n.Desc.Locality.Tiers[0] != (tier{"cloud", "test"}) || s.LivenessByNodeID[fmt.Sprint(n.Desc.NodeID)] != 3 {
			t.Errorf("node in the status: %+v", n)
		}
	}
	for _, p := range s.Peers {
		host, _, _ := net.SplitHostPort(p.SeenSourceAddress)
		if p.TLS != (tlsStatus{"TLS 1.3", "node"}) || host != "127.0.0.1" || p.NodeID == 0 ||
			!strings.HasPrefix(p.SourceAddressSeenByPeer, "127.0.0.1:") || p.Error != "" {
			t.Errorf("peer in the status: %+v", p)
		}
	}
}

func TestTheLogSaysFirstThatThisIsAStandIn(t *testing.T) {
	w := newWorld(t)
	p := w.node(0, "test")
	p.arguments[len(p.arguments)-1] = "--logtostderr=ERROR"
	p.start()
	w.eventually("the node answers", 5*time.Second, func() bool { code, _ := p.get("/health"); return code == 200 })
	if first, rest, _ := strings.Cut(p.log.String(), "\n"); !strings.Contains(first, notice) || strings.Contains(rest, "node starting") {
		t.Errorf("log at level ERROR: %s", p.log)
	}
	if code, text := w.execute("version"); code != 0 || !strings.Contains(text, "stand-in") {
		t.Errorf("version: %d %s", code, text)
	}
}

func TestWhatStopsANodeFromStarting(t *testing.T) {
	w := newWorld(t)
	running := w.node(0, "test")
	running.start()
	w.eventually("the first node answers", 5*time.Second, func() bool { code, _ := running.get("/health"); return code == 200 })
	openKey := filepath.Join(w.folder, "open-key")
	w.authority.issue(t, openKey, "node", leafOptions{name: "node"})
	must(t, os.Chmod(filepath.Join(openKey, "node.key"), 0o644))
	expired := filepath.Join(w.folder, "expired")
	w.authority.issue(t, expired, "node", leafOptions{name: "node", notAfter: time.Now().Add(-time.Second)})
	damaged := filepath.Join(w.folder, "damaged")
	must(t, os.MkdirAll(damaged, 0o755))
	must(t, os.WriteFile(filepath.Join(damaged, stateFile), []byte("{"), 0o644))
	for _, c := range []struct{ name, extra, words string }{
		{"unknown flag", "--x", "ERROR: unknown flag: --x"},
		{"key open to all", "--certs-dir=" + openKey, "has permissions -rw-r--r--, exceeds -rwx"},
		{"expired certificate", "--certs-dir=" + expired, "certificate has expired"},
		{"no certificates", "--certs-dir=" + w.folder, "problem with CA certificate"},
		{"store in use", "--store=" + w.folder + "/store-0", "another process uses this store"},
		{"damaged store", "--store=" + damaged, "is damaged"},
		{"port in use", "--listen-addr=" + running.address, "address already in use"},
		{"HTTP port in use", "--http-addr=" + running.http, "address already in use"},
	} {
		code, text := w.execute(append(slices.Clone(w.node(1, "test").arguments), c.extra)...)
		if code != 1 || !strings.Contains(text, c.words) || !strings.Contains(text, `Failed running "start"`) {
			t.Errorf("%s: %d %s", c.name, code, text)
		}
	}
}

func TestInitNeedsTheRootCertificateAndATrustedNode(t *testing.T) {
	w := newWorld(t)
	p := w.node(0, "test")
	p.start()
	w.eventually("the node answers", 5*time.Second, func() bool { code, _ := p.get("/health"); return code == 200 })
	if code, text := w.execute("init", "--certs-dir="+w.certs, "--host="+p.address, "--cluster-name=test"); code != 1 || !strings.Contains(text, "problem with client cert for user root: not found") {
		t.Errorf("with the node's certificates: %d %s", code, text)
	}
	if code, text := w.execute("init", "--certs-dir="+w.rootCerts, "--host="+p.address); code != 1 || !strings.Contains(text, `peer node expects cluster name "test", use --cluster-name to configure`) {
		t.Errorf("without a cluster name: %d %s", code, text)
	}
	if code, text := w.execute("init", "--certs-dir="+w.rootCerts, "--host="+p.address, "--insecure"); code != 1 || !strings.Contains(text, "unknown flag: --insecure") {
		t.Errorf("with an unknown flag: %d %s", code, text)
	}
	if s := p.status(); s.ClusterID != "" {
		t.Errorf("a refused init made cluster %s", s.ClusterID)
	}
}

func TestTwoInitsAtOnceMakeOneCluster(t *testing.T) {
	w := newWorld(t)
	p := w.node(0, "test")
	p.start()
	var together sync.WaitGroup
	codes := make([]int, 5)
	for i := range codes {
		together.Go(func() { codes[i], _ = w.initialize(p, "test") })
	}
	together.Wait()
	slices.Sort(codes)
	if !slices.Equal(codes, []int{0, 1, 1, 1, 1}) {
		t.Errorf("exit codes %v", codes)
	}
}

func TestNodesOfOtherClustersStayOutside(t *testing.T) {
	w := newWorld(t)
	a, b := w.node(0, "test"), w.node(1, "test")
	named := w.node(2, "other", a.address)
	a.start()
	b.start()
	named.start()
	for _, p := range []*process{a, b} {
		if code, text := w.initialize(p, "test"); code != 0 {
			t.Fatal(text)
		}
	}
	w.eventually("the wrong name is refused", 10*time.Second, func() bool {
		return strings.Contains(named.log.String(), `local cluster name "other" does not match peer cluster name "test"`)
	})
	b.stop()
	b.arguments[2] = "--join=" + a.address
	b.start()
	w.eventually("the other cluster's id is refused", 10*time.Second, func() bool {
		return strings.Contains(b.log.String(), "doesn't match server cluster ID") && strings.Contains(b.log.String(), "never merge")
	})
	if s, other := a.status(), b.status(); s.ClusterID == other.ClusterID || len(s.Nodes) != 1 || len(other.Nodes) != 1 {
		t.Errorf("they mixed: %+v and %+v", s, other)
	}
}

func TestTheLossOfAMajorityIsSeen(t *testing.T) {
	w := newWorld(t)
	nodes := w.nodes(3)
	if code, text := w.initialize(nodes[0], "test"); code != 0 {
		t.Fatal(text)
	}
	w.eventually("all ready", 20*time.Second, allReady(nodes))
	w.eventually("n3 knows all", 10*time.Second, func() bool { return len(nodes[2].status().LivenessByNodeID) == 3 })
	nodes[0].stop()
	time.Sleep(time.Second)
	if !nodes[2].isReady() {
		t.Error("not ready with two of three")
	}
	nodes[1].stop()
	w.eventually("not ready with one of three", 10*time.Second, func() bool { return !nodes[2].isReady() })
}

func TestALostVolumeMakesANewNode(t *testing.T) {
	w := newWorld(t)
	nodes := w.nodes(4)
	if code, text := w.initialize(nodes[0], "test"); code != 0 {
		t.Fatal(text)
	}
	w.eventually("all ready", 20*time.Second, allReady(nodes))
	w.eventually("all know all ids", 10*time.Second, func() bool {
		return !slices.ContainsFunc(nodes, func(p *process) bool { return len(p.status().LivenessByNodeID) != 4 })
	})
	// n1 gave the ids until now: its place is taken, and the next member gives them.
	nodes[0].stop()
	must(t, os.RemoveAll(filepath.Join(w.folder, "store-0")))
	nodes[0].start()
	w.eventually("ready under a new id", 20*time.Second, func() bool { return nodes[0].isReady() && nodes[0].status().NodeID == 5 })
	if a, b := nodes[0].status().ClusterID, nodes[1].status().ClusterID; a != b {
		t.Errorf("clusters %s and %s", a, b)
	}
	w.eventually("n1 is known as dead and replaced", 10*time.Second, func() bool {
		s := nodes[2].status()
		return s.LivenessByNodeID["1"] == 1 && s.LivenessByNodeID["5"] == 3 && s.Nodes[0].Replaced
	})
}
