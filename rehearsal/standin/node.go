package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// nodePatience is how long `node` waits for the one it asks; in between it is asked again.
const nodePatience = 30 * time.Second

type nodeOptions struct {
	ids         []int
	host        string
	clusterName string
	certsFolder string
}

// parseNode checks the command line of `node status` or `node decommission`.
func parseNode(subcommand string, arguments []string) (nodeOptions, error) {
	o := nodeOptions{host: "localhost:" + defaultPort}
	oneOf := func(words ...string) func(string) error {
		return func(v string) error {
			for _, word := range words {
				if v == word {
					return nil
				}
			}
			return fmt.Errorf("only %s is understood here", strings.Join(words, ", "))
		}
	}
	definitions := map[string]flagDefinition{
		"certs-dir": {set: func(v string) error { return setFolder(&o.certsFolder, v) }},
		"host": {set: func(v string) (err error) {
			o.host, err = parseAddress(v, defaultPort, true)
			return err
		}},
		"format": {set: oneOf("tsv")},
	}
	if subcommand == "decommission" {
		// The ones that speak SQL know no cluster name: there it is an unknown flag, as in CockroachDB.
		definitions["cluster-name"] = flagDefinition{set: func(v string) error { return setClusterName(&o.clusterName, v) }}
		definitions["wait"] = flagDefinition{set: oneOf("all", "none")}
		for len(arguments) > 0 && !strings.HasPrefix(arguments[0], "-") {
			id, err := strconv.Atoi(arguments[0])
			if err != nil || id < 1 {
				return o, fmt.Errorf("unable to parse %q as a node id", arguments[0])
			}
			o.ids, arguments = append(o.ids, id), arguments[1:]
		}
	}
	err := parseFlags("node "+subcommand, arguments, definitions)
	switch {
	case err != nil:
	case o.certsFolder == "":
		err = errors.New("--certs-dir is required: the stand-in knows no insecure mode")
	case subcommand == "decommission" && len(o.ids) == 0:
		err = errors.New("no node ID specified; use --self to target the node specified with --host")
	}
	return o, err
}

// runNode lists the nodes, or takes stores that are gone for good out of the list.
func runNode(arguments []string, stdout, stderr io.Writer) error {
	subcommand := ""
	if len(arguments) > 0 {
		subcommand = arguments[0]
	}
	if subcommand != "status" && subcommand != "decommission" {
		return fmt.Errorf("unknown command %q for \"cockroach node\"", subcommand)
	}
	o, err := parseNode(subcommand, arguments[1:])
	if err != nil {
		return err
	}
	fmt.Fprintln(stderr, notice)
	ask := request{Kind: requestNodes}
	if subcommand == "decommission" {
		ask = request{Kind: requestDecommission, ClusterName: o.clusterName, NodeIDs: o.ids}
	}
	answer, err := askNode(o, ask, stderr)
	if err != nil {
		return err
	}
	if subcommand == "status" {
		renderNodes(stdout, answer)
		return nil
	}
	fmt.Fprintln(stdout, "id\tis_live\treplicas\tis_decommissioning\tmembership\tis_draining")
	for _, id := range o.ids {
		fmt.Fprintf(stdout, "%d\tfalse\t0\ttrue\tdecommissioned\tfalse\n", id)
	}
	fmt.Fprintln(stdout, "\nNo more data reported on target nodes. Please verify cluster health before removing the nodes.")
	return nil
}

// askNode dials until the node answers or patience ends.
func askNode(o nodeOptions, ask request, stderr io.Writer) (reply, error) {
	t, err := newTrust(func() (*certificates, error) { return loadRootCertificates(o.certsFolder, time.Now()) })
	if err != nil {
		return reply{}, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), nodePatience)
	defer cancel()
	for {
		c, err := dial(ctx, t, o.host)
		if err == nil {
			defer c.Close()
			answer, _, err := c.exchange(ask)
			return answer, err
		}
		fmt.Fprintf(stderr, "warning: node %s is not ready to be asked, retrying: %v\n", o.host, err)
		select {
		case <-ctx.Done():
			return reply{}, fmt.Errorf("cannot dial server %s within %s: %w", o.host, nodePatience, err)
		case <-time.After(time.Second):
		}
	}
}

// renderNodes prints the columns of CockroachDB's `node status --format=tsv`.
func renderNodes(w io.Writer, answer reply) {
	fmt.Fprintln(w, "id\taddress\tsql_address\tbuild\tstarted_at\tupdated_at\tlocality\tattrs\tis_available\tis_live")
	for _, one := range answer.Members {
		live := strconv.FormatBool(answer.Live[one.NodeID])
		started := one.StartedAt.Format(time.RFC3339)
		fmt.Fprintln(w, strings.Join([]string{strconv.Itoa(one.NodeID), one.Address, one.Address, one.Build, started,
			time.Now().UTC().Format(time.RFC3339), renderLocality(one.Locality), "[]", live, live}, "\t"))
	}
}

// answerNodes lists the members that have an id and are not decommissioned.
func (n *node) answerNodes() reply {
	v, alive := n.membership.view(), n.mesh.alive()
	answer := reply{ClusterID: v.clusterID, Live: map[int]bool{}}
	for _, one := range v.members {
		if one.NodeID == 0 || one.Decommissioned {
			continue
		}
		answer.Members = append(answer.Members, one)
		answer.Live[one.NodeID] = !v.replaced[one.StoreID] && (one.StoreID == v.self.StoreID || alive[one.Address])
	}
	return answer
}

// decommission takes stores out of the list for good. One that may still run is refused: the stand-in holds no data that
// could be moved away from it first.
func (m *membership) decommission(ids []int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	stores := make([]string, 0, len(ids))
	for _, id := range ids {
		found := ""
		for store, one := range m.members {
			if one.NodeID == id {
				found = store
			}
		}
		switch {
		case id == m.self.NodeID, found != "" && !m.replaced(m.members[found]):
			return fmt.Errorf("n%d: the stand-in decommissions only nodes whose address another store has taken", id)
		case found == "":
			return fmt.Errorf("n%d: node does not exist", id)
		}
		stores = append(stores, found)
	}
	for _, store := range stores {
		one := m.members[store]
		one.Decommissioned = true
		m.members[store] = one
		m.log.info("decommissioned node n%d, which was at %s", one.NodeID, one.Address)
	}
	m.digestCached = ""
	return m.save()
}
