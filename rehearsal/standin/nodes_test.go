package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// listed returns id and liveness of every row of `node status`, as "1 true".
func (w *world) listed(p *process) []string {
	code, text := w.execute("node", "status", "--format=tsv", "--certs-dir="+w.rootCerts, "--host="+p.address)
	if code != 0 {
		w.t.Fatalf("node status: %d %s", code, text)
	}
	_, table, _ := strings.Cut(text, "id\taddress\t")
	var rows []string
	for _, line := range strings.Split(strings.TrimSpace(table), "\n")[1:] {
		cells := strings.Split(line, "\t")
		rows = append(rows, cells[0]+" "+cells[len(cells)-1])
	}
	return rows
}

func (w *world) decommission(p *process, more ...string) (int, string) {
	words := append([]string{"node", "decommission"}, more...)
	return w.execute(append(words, "--wait=all", "--certs-dir="+w.rootCerts, "--host="+p.address, "--cluster-name=test")...)
}

func TestALostStoreIsListedUntilItIsDecommissionedAndThenNowhere(t *testing.T) {
	w := newWorld(t)
	nodes := w.nodes(4)
	if code, text := w.initialize(nodes[0], "test"); code != 0 {
		t.Fatal(text)
	}
	w.eventually("all ready", 20*time.Second, allReady(nodes))
	all := []string{"1 true", "2 true", "3 true", "4 true"}
	w.eventually("all are listed", 10*time.Second, func() bool { return slices.Equal(w.listed(nodes[3]), all) })
	lost := nodes[2].status().NodeID
	if code, text := w.decommission(nodes[0], "2"); code != 1 || !strings.Contains(text, "decommissions only nodes whose address another store has taken") {
		t.Errorf("a living node: %d %s", code, text)
	}
	nodes[2].stop()
	must(t, os.RemoveAll(filepath.Join(w.folder, "store-2")))
	nodes[2].start()
	w.eventually("ready under a new id", 20*time.Second, nodes[2].isReady)
	old := string(rune('0'+lost)) + " false"
	w.eventually("the old one is listed as dead", 10*time.Second, func() bool {
		return slices.Contains(w.listed(nodes[0]), old) && len(w.listed(nodes[0])) == 5
	})
	if code, text := w.decommission(nodes[0], "77"); code != 1 || !strings.Contains(text, "n77: node does not exist") {
		t.Errorf("a stranger: %d %s", code, text)
	}
	if code, text := w.decommission(nodes[0], string(rune('0'+lost))); code != 0 || !strings.Contains(text, "No more data reported on target nodes") {
		t.Fatalf("decommission: %d %s", code, text)
	}
	for _, p := range nodes {
		w.eventually("nobody lists it", 20*time.Second, func() bool {
			return !slices.Contains(w.listed(p), old) && len(w.listed(p)) == 4
		})
	}
	nodes[1].stop()
	nodes[1].start()
	w.eventually("it stays so over a restart", 20*time.Second, func() bool {
		return nodes[1].isReady() && !slices.Contains(w.listed(nodes[1]), old)
	})
}

func TestNodeCommandsTakeTheFlagsTheyTakeInCockroachDBAndNoOthers(t *testing.T) {
	for _, c := range []struct {
		words []string
		want  string
	}{
		{nil, `unknown command "" for "cockroach node"`},
		{[]string{"drain"}, `unknown command "drain" for "cockroach node"`},
		{[]string{"status", "--certs-dir=/c", "--cluster-name=a"}, "unknown flag: --cluster-name"},
		{[]string{"status", "--certs-dir=/c", "--format=csv"}, "only tsv is understood here"},
		{[]string{"status"}, "--certs-dir is required"},
		{[]string{"decommission", "--certs-dir=/c"}, "no node ID specified"},
		{[]string{"decommission", "x", "--certs-dir=/c"}, `unable to parse "x" as a node id`},
		{[]string{"decommission", "1", "--certs-dir=/c", "--wait=live"}, "only all, none is understood here"},
	} {
		err := runNode(c.words, os.Stdout, os.Stderr)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v", c.words, err)
		}
	}
}
