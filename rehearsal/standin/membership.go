package main

import (
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"
)

var errInitialized = errors.New("cluster has already been initialized")

// member is what nodes tell each other about one node. A store, not an address, makes a member: a node whose volume was
// lost comes back at its old address as a new member.
type member struct {
	StoreID         string           `json:"storeId"`
	NodeID          int              `json:"nodeId,omitempty"` // 0: none yet
	ClusterID       string           `json:"clusterId,omitempty"`
	Address         string           `json:"address"` // as advertised
	HTTPAddress     string           `json:"httpAddress"`
	Locality        []tier           `json:"locality,omitempty"`
	Build           string           `json:"build"`
	StartedAt       time.Time        `json:"startedAt"`
	Decommissioned  bool             `json:"decommissioned,omitempty"`  // its store is gone for good
	RTTMicroseconds map[string]int64 `json:"rttMicroseconds,omitempty"` // by advertised address, measured by this member
}

// membership knows the cluster as this node sees it, and keeps the lasting part of it in the store.
//
// Node ids are given by one member, so no id is given twice: the one with the lowest id whose store was not seen
// replaced (at first that is node 1, where `init` ran). While it is away no node can join; the others go on.
type membership struct {
	mu            sync.Mutex
	store         *store
	log           *logger
	self          member
	clusterName   string
	clusterID     string
	highestNodeID int
	members       map[string]member // by store, without this node
	digestCached  string
}

func newMembership(s *store, kept persistent, self member, clusterName string, log *logger) *membership {
	m := &membership{store: s, log: log, self: self, clusterName: clusterName, clusterID: kept.ClusterID,
		highestNodeID: kept.HighestNodeID, members: map[string]member{}}
	m.self.StoreID, m.self.NodeID, m.self.ClusterID = kept.StoreID, kept.NodeID, kept.ClusterID
	for _, known := range kept.Members {
		m.members[known.StoreID] = known
	}
	return m
}

// checkCluster refuses a peer of another cluster, by name or, once both have one, by id.
func (m *membership) checkCluster(peerClusterName, peerClusterID string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.clusterName == peerClusterName:
	case m.clusterName == "":
		return errors.New("peer node does not have a cluster name configured, cannot use --cluster-name")
	case peerClusterName == "":
		return fmt.Errorf("peer node expects cluster name %q, use --cluster-name to configure", m.clusterName)
	default:
		return fmt.Errorf("local cluster name %q does not match peer cluster name %q", peerClusterName, m.clusterName)
	}
	if m.clusterID != "" && peerClusterID != "" && m.clusterID != peerClusterID {
		return fmt.Errorf("client cluster ID %q doesn't match server cluster ID %q: two databases never merge",
			peerClusterID, m.clusterID)
	}
	return nil
}

// learn takes in what a peer says of itself, and what it has heard of others. True if anything of it was new.
func (m *membership) learn(direct *member, heard []member) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if direct != nil && len(heard) == 0 {
		// The usual ping: nothing new but the measurements.
		known, exists := m.members[direct.StoreID]
		if exists && known.NodeID == direct.NodeID && known.StartedAt.Equal(direct.StartedAt) {
			known.RTTMicroseconds = direct.RTTMicroseconds
			m.members[direct.StoreID] = known
			return false
		}
	}
	before, lasting := m.digest(), m.lasting()
	for _, one := range heard {
		m.merge(one, false)
	}
	if direct != nil {
		m.merge(*direct, true)
	}
	m.dropReplaced()
	m.digestCached = ""
	if lasting != m.lasting() {
		if err := m.save(); err != nil {
			m.log.error("could not save the membership: %v", err)
		}
	}
	return before != m.digest()
}

func (m *membership) merge(news member, direct bool) {
	if news.StoreID == "" || news.Address == "" || news.StoreID == m.self.StoreID || m.foreign(news) {
		return
	}
	known, exists := m.members[news.StoreID]
	if !exists {
		m.log.info("heard of node n%d at %s (%s)", news.NodeID, news.Address, renderLocality(news.Locality))
	}
	if news.NodeID == 0 {
		news.NodeID, news.ClusterID = known.NodeID, known.ClusterID
	}
	if news.NodeID != 0 && news.NodeID == m.self.NodeID {
		m.log.error("node id %d is also used by the store at %s", news.NodeID, news.Address)
	}
	m.highestNodeID = max(m.highestNodeID, news.NodeID)
	gone := known.Decommissioned || news.Decommissioned
	switch {
	case !exists || news.StartedAt.After(known.StartedAt):
		known = news
	case direct:
		known.RTTMicroseconds = news.RTTMicroseconds
	}
	known.NodeID, known.ClusterID, known.Decommissioned = news.NodeID, news.ClusterID, gone
	m.members[news.StoreID] = known
}

// foreign tells whether a member belongs to another cluster: a node without one may have heard of several.
func (m *membership) foreign(one member) bool {
	return m.clusterID != "" && one.ClusterID != "" && one.ClusterID != m.clusterID
}

// dropReplaced forgets members that never got an id and whose address another store has taken since.
func (m *membership) dropReplaced() {
	for id, one := range m.members {
		if one.NodeID == 0 && m.replaced(one) {
			delete(m.members, id)
		}
	}
}

// replaced tells whether another store was started later at this member's address: its own store is gone then.
func (m *membership) replaced(one member) bool {
	later := func(other member) bool {
		return other.StoreID != one.StoreID && other.Address == one.Address && other.StartedAt.After(one.StartedAt)
	}
	if later(m.self) {
		return true
	}
	for _, other := range m.members {
		if later(other) {
			return true
		}
	}
	return false
}

// allocatorStore is the store of the member that gives node ids.
func (m *membership) allocatorStore() string {
	best := m.self
	for _, one := range m.members {
		if one.NodeID != 0 && (best.NodeID == 0 || one.NodeID < best.NodeID) && !m.replaced(one) {
			best = one
		}
	}
	if best.NodeID == 0 {
		return ""
	}
	return best.StoreID
}

// allocate gives a joining store its node id: the same again if it asks again, as an answer may get lost.
func (m *membership) allocate(joiner member) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.clusterID == "" || m.allocatorStore() != m.self.StoreID {
		return 0, fmt.Errorf("node n%d does not give node ids", m.self.NodeID)
	}
	if known := m.members[joiner.StoreID]; known.NodeID != 0 {
		return known.NodeID, nil
	}
	m.highestNodeID++
	joiner.NodeID, joiner.ClusterID = m.highestNodeID, m.clusterID
	m.members[joiner.StoreID] = joiner
	m.digestCached = ""
	// Saved before it is told: an id forgotten here would be given a second time.
	if err := m.save(); err != nil {
		delete(m.members, joiner.StoreID)
		return 0, fmt.Errorf("could not save node id %d: %w", joiner.NodeID, err)
	}
	m.log.info("gave node id n%d to %s", joiner.NodeID, joiner.Address)
	return joiner.NodeID, nil
}

// initialize makes a new cluster with this node as its first, exactly once.
func (m *membership) initialize() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.clusterID != "" {
		return errInitialized
	}
	for _, one := range m.members {
		// This node just has not joined yet; a second cluster beside the first could never merge with it.
		if one.NodeID != 0 {
			return errInitialized
		}
	}
	return m.become(newClusterID(), 1)
}

// adopt joins the cluster under the id that its allocator gave.
func (m *membership) adopt(clusterID string, nodeID int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.clusterID != "" {
		return nil
	}
	return m.become(clusterID, nodeID)
}

func (m *membership) become(clusterID string, nodeID int) error {
	previous := m.highestNodeID
	m.clusterID, m.self.NodeID, m.highestNodeID = clusterID, nodeID, max(previous, nodeID)
	m.self.ClusterID, m.digestCached = clusterID, ""
	maps.DeleteFunc(m.members, func(_ string, one member) bool { return m.foreign(one) })
	if err := m.save(); err != nil {
		m.clusterID, m.self.ClusterID, m.self.NodeID, m.highestNodeID = "", "", 0, previous
		return fmt.Errorf("could not save the cluster's id: %w", err)
	}
	m.log.info("this is node n%d of cluster %s", nodeID, clusterID)
	return nil
}

func (m *membership) save() error {
	state := persistent{StoreID: m.self.StoreID, ClusterID: m.clusterID, NodeID: m.self.NodeID, HighestNodeID: m.highestNodeID}
	for _, one := range m.sorted() {
		if one.NodeID != 0 && one.StoreID != m.self.StoreID {
			one.RTTMicroseconds = nil
			state.Members = append(state.Members, one)
		}
	}
	return m.store.save(state)
}
