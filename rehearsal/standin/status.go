package main

import (
	"crypto/tls"
	"encoding/json"
	"io"
	stdlog "log"
	"net/http"
	"runtime"
	"strconv"
	"time"
)

// The JSON below has CockroachDB's names where CockroachDB has the field, and `stand_in` on top so that no reader can
// take it for the real thing. Unlike CockroachDB's, /_status/nodes asks for no session.

type nodesAnswer struct {
	StandIn          bool           `json:"stand_in"`
	Notice           string         `json:"notice"`
	ClusterID        string         `json:"clusterId"`
	ClusterName      string         `json:"clusterName"`
	NodeID           int            `json:"nodeId"`
	Address          string         `json:"address"`
	Ready            bool           `json:"ready"`
	NotReadyReason   string         `json:"notReadyReason,omitempty"`
	Nodes            []nodeStatus   `json:"nodes"`
	LivenessByNodeID map[string]int `json:"livenessByNodeId"`
	Peers            []peerStatus   `json:"peers"`
}

type nodeStatus struct {
	Desc      nodeDescriptor      `json:"desc"`
	BuildInfo buildInfo           `json:"buildInfo"`
	StartedAt string              `json:"startedAt"` // nanoseconds since 1970
	StoreID   string              `json:"storeId"`
	Replaced  bool                `json:"replaced"` // another store runs at its address
	Activity  map[string]activity `json:"activity"` // by node id
}

type nodeDescriptor struct {
	NodeID      int            `json:"nodeId"`
	Address     networkAddress `json:"address"`
	HTTPAddress networkAddress `json:"httpAddress"`
	Locality    localityTiers  `json:"locality"`
	BuildTag    string         `json:"buildTag"`
	ClusterName string         `json:"clusterName"`
	StartedAt   string         `json:"startedAt"`
}

type networkAddress struct {
	Network string `json:"networkField"`
	Address string `json:"addressField"`
}

type localityTiers struct {
	Tiers []tier `json:"tiers"`
}

type buildInfo struct {
	Tag       string `json:"tag"`
	GoVersion string `json:"goVersion"`
}

type activity struct {
	Latency string `json:"latency"` // nanoseconds
}

type tlsStatus struct {
	Version string `json:"version"`
	PeerCN  string `json:"peerCN"`
}

type peerStatus struct {
	Name                    string    `json:"name"`    // host:port, as advertised or from the join list
	Address                 string    `json:"address"` // the IP and port that the name stood for
	NodeID                  int       `json:"nodeId"`
	Connected               bool      `json:"connected"`
	RTTMicroseconds         int64     `json:"rttMicroseconds"`
	SeenSourceAddress       string    `json:"seenSourceAddress"`       // where the peer's own connection came from
	SourceAddressSeenByPeer string    `json:"sourceAddressSeenByPeer"` // where ours came from, as the peer saw it
	TLS                     tlsStatus `json:"tls"`
	Error                   string    `json:"error,omitempty"`
}

// routes are the pages of the HTTPS port.
func (n *node) routes() http.Handler {
	routes := http.NewServeMux()
	routes.HandleFunc("GET /health", n.health)
	routes.HandleFunc("GET /_status/nodes", func(w http.ResponseWriter, _ *http.Request) { sendJSON(w, 200, n.status()) })
	routes.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, notice+"\n") })
	return routes
}

// health says that the process lives, or with ?ready=1 that it may serve.
func (n *node) health(w http.ResponseWriter, r *http.Request) {
	if wanted, _ := strconv.ParseBool(r.URL.Query().Get("ready")); wanted {
		if ok, reason := n.ready(); !ok {
			sendJSON(w, http.StatusServiceUnavailable,
				map[string]any{"stand_in": true, "error": reason, "message": reason, "code": 14})
			return
		}
	}
	v := n.membership.view()
	sendJSON(w, http.StatusOK, map[string]any{"stand_in": true, "nodeId": v.self.NodeID,
		"address": networkAddress{"tcp", v.self.Address}})
}

func (n *node) status() nodesAnswer {
	v, alive := n.membership.view(), n.mesh.alive()
	ready, reason := n.ready()
	answer := nodesAnswer{StandIn: true, Notice: notice, ClusterID: v.clusterID, ClusterName: v.clusterName,
		NodeID: v.self.NodeID, Address: v.self.Address, Ready: ready, NotReadyReason: reason, Nodes: []nodeStatus{},
		LivenessByNodeID: map[string]int{}, Peers: []peerStatus{}}
	ids := map[string]int{}
	for _, one := range v.members {
		if !v.replaced[one.StoreID] {
			ids[one.Address] = one.NodeID
		}
	}
	for _, one := range v.members {
		measured := one.RTTMicroseconds
		if one.StoreID == v.self.StoreID {
			measured = n.mesh.measured()
		}
		answer.Nodes = append(answer.Nodes, describe(one, v, measured, ids))
		if one.NodeID != 0 {
			// CockroachDB's numbers: 1 dead, 3 live.
			answer.LivenessByNodeID[strconv.Itoa(one.NodeID)] = 1
			if one.StoreID == v.self.StoreID || (alive[one.Address] && !v.replaced[one.StoreID]) {
				answer.LivenessByNodeID[strconv.Itoa(one.NodeID)] = 3
			}
		}
	}
	n.mesh.each(func(p *peer) {
		if p.alias {
			return
		}
		n.mu.Lock()
		seen := n.seen[p.target]
		n.mu.Unlock()
		answer.Peers = append(answer.Peers, peerStatus{Name: p.target, Address: p.address, NodeID: ids[p.target],
			Connected: alivePeer(p), RTTMicroseconds: p.rtt().Microseconds(), SeenSourceAddress: seen,
			SourceAddressSeenByPeer: p.seenHere, TLS: tlsStatus{p.tlsVersion, p.peerCN}, Error: p.failure})
	})
	return answer
}

func describe(one member, v view, measured map[string]int64, ids map[string]int) nodeStatus {
	started := strconv.FormatInt(one.StartedAt.UnixNano(), 10)
	latencies := map[string]activity{}
	for address, microseconds := range measured {
		if id := ids[address]; id != 0 {
			latencies[strconv.Itoa(id)] = activity{Latency: strconv.FormatInt(microseconds*1000, 10)}
		}
	}
	return nodeStatus{
		Desc: nodeDescriptor{NodeID: one.NodeID, Address: networkAddress{"tcp", one.Address},
			HTTPAddress: networkAddress{"tcp", one.HTTPAddress}, Locality: localityTiers{one.Locality},
			BuildTag: one.Build, ClusterName: v.clusterName, StartedAt: started},
		BuildInfo: buildInfo{Tag: one.Build, GoVersion: runtime.Version()}, StartedAt: started, StoreID: one.StoreID,
		Replaced: v.replaced[one.StoreID], Activity: latencies,
	}
}

func alivePeer(p *peer) bool { return p.connected && time.Since(p.answeredAt) < aliveFor }

func tlsVersionName(version uint16) string { return tls.VersionName(version) }

func sendJSON(w http.ResponseWriter, code int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(value)
}

// quietLog swallows what net/http says of handshakes that a port check broke off.
func quietLog() *stdlog.Logger { return stdlog.New(io.Discard, "", 0) }
