package main

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	handshakeTimeout = 10 * time.Second
	idleTimeout      = 30 * time.Second
)

// node is one running stand-in.
type node struct {
	options    startOptions
	log        *logger
	trust      *trust
	store      *store
	membership *membership
	mesh       *mesh
	stop       context.CancelFunc
	listener   net.Listener
	web        *http.Server
	running    sync.WaitGroup

	mu       sync.Mutex
	draining bool
	open     map[net.Conn]bool
	seen     map[string]string // source address of each peer's own connection, by its advertised address
}

// startNode checks everything that can be wrong, then opens both ports and begins to join.
func startNode(o startOptions, log *logger) (_ *node, err error) {
	t, err := newTrust(func() (*certificates, error) { return loadNodeCertificates(o.certsFolder, time.Now()) })
	if err != nil {
		return nil, err
	}
	host, _, _ := net.SplitHostPort(o.advertiseAddress)
	if problem := t.current.Load().leaf.VerifyHostname(host); problem != nil {
		log.warn("no peer will trust this node under its advertised name: %v", problem)
	}
	s, kept, err := openStore(o.storeFolder)
	if err != nil {
		return nil, err
	}
	n := &node{options: o, log: log, trust: t, store: s, open: map[net.Conn]bool{}, seen: map[string]string{}}
	defer func() {
		if err != nil {
			s.close()
			if n.listener != nil {
				n.listener.Close()
			}
		}
	}()
	if n.listener, err = tls.Listen("tcp", o.listenAddress, t.peerServer()); err != nil {
		return nil, err
	}
	status, err := tls.Listen("tcp", o.httpAddress, t.statusServer())
	if err != nil {
		return nil, err
	}

	_, httpPort, _ := net.SplitHostPort(o.httpAddress)
	self := member{Address: o.advertiseAddress, HTTPAddress: net.JoinHostPort(host, httpPort), Locality: o.locality,
		Build: release, StartedAt: time.Now().UTC()}
	n.membership = newMembership(s, kept, self, o.clusterName, log)
	ctx, stop := context.WithCancel(context.Background())
	n.stop = stop
	n.mesh = newMesh(ctx, o.join, t, n.membership, log)
	n.web = &http.Server{Handler: n.routes(), ReadHeaderTimeout: handshakeTimeout, ErrorLog: nil}
	n.web.ErrorLog = quietLog()
	n.running.Go(func() { n.web.Serve(status) })
	n.running.Go(n.accept)
	n.mesh.extend()

	log.info("node starting: address %s, http %s, store %s, cluster name %q, locality %s", o.advertiseAddress,
		o.httpAddress, o.storeFolder, o.clusterName, renderLocality(o.locality))
	if kept.ClusterID == "" {
		log.info("waiting for the cluster to be initialised (`cockroach init`) or for a member of it to answer")
	} else {
		log.info("restarted as node n%d of cluster %s", kept.NodeID, kept.ClusterID)
	}
	return n, nil
}

// reloadCertificates is what SIGHUP asks for. Connections keep the certificates they were made with.
func (n *node) reloadCertificates() {
	if err := n.trust.reload(); err != nil {
		n.log.error("could not reload the certificates, the old ones stay: %v", err)
		return
	}
	n.log.info("certificates reloaded; node certificate valid until %s",
		n.trust.current.Load().leaf.NotAfter.UTC().Format(time.RFC3339))
}

// drain stops being ready, closes ports and connections and frees the store.
func (n *node) drain() {
	n.mu.Lock()
	n.draining = true
	for c := range n.open {
		c.Close()
	}
	n.mu.Unlock()
	n.stop()
	n.listener.Close()
	n.web.Close()
	n.running.Wait()
	n.mesh.running.Wait()
	n.store.close()
}

func (n *node) accept() {
	for {
		c, err := n.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			n.log.error("could not accept a connection: %v", err)
			time.Sleep(100 * time.Millisecond)
			continue
		}
		n.running.Go(func() { n.serve(c.(*tls.Conn)) })
	}
}

// serve answers one connection until it ends.
func (n *node) serve(c *tls.Conn) {
	defer c.Close()
	if !n.track(c) {
		return
	}
	defer n.untrack(c)
	c.SetDeadline(time.Now().Add(handshakeTimeout))
	if err := c.Handshake(); err != nil {
		// A port check connects and leaves without a word.
		if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
			n.log.warn("refused a connection from %s: %v", c.RemoteAddr(), err)
		}
		return
	}
	user := peerName(c.ConnectionState())
	for {
		var ask request
		c.SetDeadline(time.Now().Add(idleTimeout))
		if err := readFrame(c, &ask); err != nil {
			return
		}
		answer := n.answer(user, c.RemoteAddr().String(), ask)
		c.SetDeadline(time.Now().Add(exchangeTimeout))
		if err := writeFrame(c, answer); err != nil || answer.Error != "" {
			return
		}
	}
}

// answer decides on one request.
func (n *node) answer(user, source string, ask request) reply {
	if ask.Kind == requestProbe {
		v := n.membership.view()
		return reply{From: &v.self, ClusterID: v.clusterID, SeenFrom: source}
	}
	if ask.Kind == requestNodes {
		return n.answerNodes()
	}
	if err := n.membership.checkCluster(ask.ClusterName, ask.ClusterID); err != nil {
		n.log.warn("refused %s from %s: %v", ask.Kind, source, err)
		return reply{Error: err.Error()}
	}
	switch {
	case ask.Kind == requestBeat:
		_, clusterID, digest := n.membership.pulse()
		return reply{ClusterID: clusterID, Digest: digest}
	case ask.Kind == requestInit:
		if err := n.membership.initialize(); err != nil {
			return reply{Error: err.Error()}
		}
		n.mesh.extend()
		return reply{ClusterID: n.membership.view().clusterID, NodeID: 1}
	case ask.Kind == requestDecommission && user == rootUser:
		if err := n.membership.decommission(ask.NodeIDs); err != nil {
			return reply{Error: err.Error()}
		}
		return reply{ClusterID: n.membership.view().clusterID}
	case user != nodeUser || ask.From == nil:
		return reply{Error: "user " + user + " may not ask this"}
	case ask.Kind == requestJoin:
		id, err := n.membership.allocate(*ask.From)
		if err != nil {
			return reply{Error: err.Error()}
		}
		return reply{NodeID: id, ClusterID: n.membership.view().clusterID}
	case ask.Kind == requestPing:
		return n.answerPing(source, ask)
	}
	return reply{Error: "unknown request " + ask.Kind}
}

func (n *node) answerPing(source string, ask request) reply {
	self := n.membership.view().self
	if ask.From.StoreID != self.StoreID {
		n.mu.Lock()
		n.seen[ask.From.Address] = source
		n.mu.Unlock()
		if n.membership.learn(ask.From, nil) {
			n.mesh.extend()
		}
	}
	v := n.membership.view()
	v.self.RTTMicroseconds = n.mesh.measured()
	answer := reply{From: &v.self, ClusterID: v.clusterID, Digest: v.digest, Allocator: v.allocator, SeenFrom: source}
	if ask.Digest != v.digest {
		answer.Members = v.members
	}
	return answer
}

func (n *node) track(c net.Conn) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.draining {
		return false
	}
	n.open[c] = true
	return true
}

func (n *node) untrack(c net.Conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.open, c)
}

// ready tells whether the node may serve, and if not, why. The rule: it belongs to a cluster, and of that cluster's
// members (replaced ones left out) more than half, itself counted, have answered it within the last three beats.
func (n *node) ready() (bool, string) {
	n.mu.Lock()
	draining := n.draining
	n.mu.Unlock()
	v, alive := n.membership.view(), n.mesh.alive()
	switch {
	case draining:
		return false, "node is shutting down"
	case v.clusterID == "":
		return false, "node is waiting for cluster initialization"
	}
	known, answering := 0, 0
	for _, one := range v.members {
		if one.NodeID == 0 || v.replaced[one.StoreID] {
			continue
		}
		known++
		if one.StoreID == v.self.StoreID || alive[one.Address] {
			answering++
		}
	}
	if answering*2 <= known {
		return false, "node is not healthy: it reaches too few of the cluster's nodes"
	}
	return true, ""
}
