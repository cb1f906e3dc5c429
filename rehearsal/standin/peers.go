package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

const (
	beatInterval   = 2 * time.Second
	beatsPerPing   = 5
	aliveFor       = 3 * beatInterval // since the last answer
	firstBackOff   = 250 * time.Millisecond
	longestBackOff = 5 * time.Second
	aliasPause     = 15 * time.Second
	rttSamples     = 8
)

// peer is an address that this node dials, and what was last seen there.
type peer struct {
	target string

	mu         sync.Mutex
	connected  bool
	alias      bool // another name of a node, or of this one
	address    string
	tlsVersion string
	peerCN     string
	seenHere   string // this node's address as it arrives at the peer
	answeredAt time.Time
	samples    []time.Duration
	failure    string
}

// rtt is the least of the last few: anything above it is waiting for a processor, not the network.
func (p *peer) rtt() time.Duration {
	if len(p.samples) == 0 {
		return 0
	}
	return slices.Min(p.samples)
}

func (p *peer) answered(after time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answeredAt = time.Now()
	p.samples = append(p.samples, after)
	if len(p.samples) > rttSamples {
		p.samples = p.samples[1:]
	}
}

// mesh dials every known node, keeps one connection to each and beats over it.
type mesh struct {
	ctx        context.Context
	join       []string
	trust      *trust
	membership *membership
	log        *logger
	running    sync.WaitGroup

	mu    sync.Mutex
	peers map[string]*peer
}

func newMesh(ctx context.Context, join []string, t *trust, m *membership, log *logger) *mesh {
	return &mesh{ctx: ctx, join: join, trust: t, membership: m, log: log, peers: map[string]*peer{}}
}

// targets are the addresses to dial: the join list and every member, without this node.
func (m *mesh) targets() []string {
	v := m.membership.view()
	addresses := slices.Clone(m.join)
	for _, one := range v.members {
		addresses = append(addresses, one.Address)
	}
	slices.Sort(addresses)
	return slices.DeleteFunc(slices.Compact(addresses), func(a string) bool { return a == v.self.Address })
}

// extend begins to dial whoever was newly heard of.
func (m *mesh) extend() {
	targets := m.targets()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ctx.Err() != nil {
		return
	}
	for _, target := range targets {
		if m.peers[target] == nil {
			p := &peer{target: target}
			m.peers[target] = p
			m.running.Go(func() { m.keep(p) })
		}
	}
}

// keep holds the connection to one address for as long as the address is of interest.
func (m *mesh) keep(p *peer) {
	backOff := firstBackOff
	for slices.Contains(m.targets(), p.target) {
		err := m.converse(p, func() { backOff = firstBackOff })
		if m.ctx.Err() != nil {
			return
		}
		p.mu.Lock()
		p.connected = false
		alias, news := p.alias, err != nil && err.Error() != p.failure
		if err != nil {
			p.failure = err.Error()
		}
		p.mu.Unlock()
		if news && !alias {
			// Once for each new reason: it is tried again for ever.
			m.log.warn("no connection to %s: %v", p.target, err)
		}
		pause := backOff
		if alias {
			pause = aliasPause
		}
		m.sleep(pause/2 + rand.N(pause))
		backOff = min(backOff*2, longestBackOff)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.peers, p.target)
}

// converse dials once, then beats until something fails or the target proves to be an alias. A full ping goes with the
// first beat, with every fifth, and whenever the two sides know different things or only one is in a cluster.
func (m *mesh) converse(p *peer, succeeded func()) error {
	c, err := dial(m.ctx, m.trust, p.target)
	if err != nil {
		return err
	}
	defer c.Close()
	defer context.AfterFunc(m.ctx, func() { c.Close() })()
	for beats := 0; m.ctx.Err() == nil; beats++ {
		if beats%beatsPerPing == 0 {
			if alias, err := m.ping(p, c); alias || err != nil {
				return err
			}
			succeeded()
		}
		name, clusterID, digest := m.membership.pulse()
		answer, elapsed, err := c.exchange(request{Kind: requestBeat, ClusterName: name, ClusterID: clusterID})
		if err != nil {
			return err
		}
		p.answered(elapsed)
		if answer.Digest != digest || answer.ClusterID != clusterID {
			if alias, err := m.ping(p, c); alias || err != nil {
				return err
			}
		}
		m.sleep(beatInterval*9/10 + rand.N(beatInterval/5))
	}
	return nil
}

// ping exchanges all news, joins the peer's cluster if it gives node ids, and tells whether the peer is in truth
// another one than the target, or this node itself.
func (m *mesh) ping(p *peer, c *connection) (alias bool, err error) {
	answer, _, err := c.exchange(m.question(requestPing))
	if err != nil {
		return false, err
	}
	if answer.From == nil {
		return false, errors.New("the peer did not say who it is")
	}
	v := m.membership.view()
	itself := answer.From.StoreID == v.self.StoreID
	alias = itself || answer.From.Address != p.target
	m.note(p, c, answer, alias)
	if !itself && m.membership.learn(answer.From, answer.Members) {
		m.extend()
	}
	if v.clusterID == "" && answer.Allocator && !alias {
		err = m.joinCluster(c)
	}
	return alias, err
}

// joinCluster asks the member that gives node ids for one.
func (m *mesh) joinCluster(c *connection) error {
	answer, _, err := c.exchange(m.question(requestJoin))
	if err != nil {
		return err
	}
	if answer.NodeID <= 0 || answer.ClusterID == "" {
		return errors.New("the peer gave no node id")
	}
	if err := m.membership.adopt(answer.ClusterID, answer.NodeID); err != nil {
		return err
	}
	m.extend()
	return nil
}

// question fills a request with who this node is.
func (m *mesh) question(kind string) request {
	v := m.membership.view()
	v.self.RTTMicroseconds = m.measured()
	return request{Kind: kind, ClusterName: v.clusterName, ClusterID: v.clusterID, Digest: v.digest, From: &v.self}
}

func (m *mesh) note(p *peer, c *connection, answer reply, alias bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.connected {
		p.samples = nil
		if !alias {
			m.log.info("connected to %s at %s", p.target, c.address)
		}
	}
	p.connected, p.alias, p.failure, p.answeredAt = true, alias, "", time.Now()
	p.address, p.peerCN, p.seenHere = c.address, c.peerName, answer.SeenFrom
	p.tlsVersion = tlsVersionName(c.ConnectionState().Version)
}

// alive tells which addresses answered lately.
func (m *mesh) alive() map[string]bool {
	alive := map[string]bool{}
	m.each(func(p *peer) {
		alive[p.target] = p.connected && !p.alias && time.Since(p.answeredAt) < aliveFor
	})
	return alive
}

// measured is the round-trip time to every connected peer, by its advertised address.
func (m *mesh) measured() map[string]int64 {
	measured := map[string]int64{}
	m.each(func(p *peer) {
		if p.connected && !p.alias && len(p.samples) > 0 {
			measured[p.target] = max(1, p.rtt().Microseconds())
		}
	})
	return measured
}

// each visits all peers, one at a time and locked, in the order of their addresses.
func (m *mesh) each(visit func(*peer)) {
	m.mu.Lock()
	peers := make([]*peer, 0, len(m.peers))
	for _, p := range m.peers {
		peers = append(peers, p)
	}
	m.mu.Unlock()
	slices.SortFunc(peers, func(a, b *peer) int {
		if a.target < b.target {
			return -1
		}
		return 1
	})
	for _, p := range peers {
		p.mu.Lock()
		visit(p)
		p.mu.Unlock()
	}
}

func (m *mesh) sleep(duration time.Duration) {
	select {
	case <-m.ctx.Done():
	case <-time.After(duration):
	}
}
