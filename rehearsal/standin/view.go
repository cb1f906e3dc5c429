package main

import (
	"crypto/rand"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
)

// sorted lists this node and all others, by id, then by address.
func (m *membership) sorted() []member {
	all := append(slices.Collect(maps.Values(m.members)), m.self)
	slices.SortFunc(all, func(a, b member) int {
		if (a.NodeID == 0) != (b.NodeID == 0) {
			return b.NodeID - a.NodeID
		}
		return (a.NodeID-b.NodeID)*2 + strings.Compare(a.Address, b.Address)
	})
	return all
}

// digest changes whenever anything but a measurement does, so that peers need not send each other what both know.
func (m *membership) digest() string {
	if m.digestCached == "" {
		hash := fnv.New64a()
		for _, one := range m.sorted() {
			fmt.Fprintln(hash, one.StoreID, one.NodeID, one.Address, one.StartedAt.UnixNano(), one.Decommissioned)
		}
		m.digestCached = fmt.Sprintf("%016x", hash.Sum64())
	}
	return m.digestCached
}

// lasting changes when something changes that the store must keep.
func (m *membership) lasting() string {
	var text strings.Builder
	fmt.Fprint(&text, m.highestNodeID)
	for _, one := range m.sorted() {
		if one.NodeID != 0 {
			fmt.Fprint(&text, " ", one.StoreID, one.NodeID, one.Address, one.StartedAt.UnixNano(), one.Decommissioned)
		}
	}
	return text.String()
}

// view is a copy of all there is to say at one moment.
type view struct {
	self        member
	clusterName string
	clusterID   string
	digest      string
	allocator   bool
	members     []member // this node among them
	replaced    map[string]bool
}

func (m *membership) view() view {
	m.mu.Lock()
	defer m.mu.Unlock()
	v := view{self: m.self, clusterName: m.clusterName, clusterID: m.clusterID, digest: m.digest(), members: m.sorted(),
		allocator: m.clusterID != "" && m.allocatorStore() == m.self.StoreID, replaced: map[string]bool{}}
	for _, one := range v.members {
		v.replaced[one.StoreID] = m.replaced(one)
	}
	return v
}

// pulse is the little that goes with every beat.
func (m *membership) pulse() (clusterName, clusterID, digest string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.clusterName, m.clusterID, m.digest()
}

func newClusterID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func renderLocality(tiers []tier) string {
	parts := make([]string, len(tiers))
	for i, one := range tiers {
		parts[i] = one.Key + "=" + one.Value
	}
	return strings.Join(parts, ",")
}
