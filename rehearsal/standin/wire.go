package main

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// The protocol between stand-ins: over TLS 1.3, frames of a 4-byte big-endian length and that many bytes of JSON; one
// reply a request, in order. It is not CockroachDB's protocol and cannot be mistaken for it.

const (
	requestBeat         = "beat"         // are you there; answered at once, so that its time is the network's
	requestPing         = "ping"         // I am here; who are you, what do you know
	requestJoin         = "join"         // give my store a node id
	requestInit         = "init"         // make a cluster of you
	requestProbe        = "probe"        // who are you, and who am I to you
	requestNodes        = "nodes"        // whom do you know
	requestDecommission = "decommission" // forget these for good

	frameLimitBytes = 1 << 20
	dialTimeout     = 5 * time.Second
	exchangeTimeout = 4 * time.Second
)

type request struct {
	Kind        string  `json:"kind"`
	ClusterName string  `json:"clusterName,omitempty"`
	ClusterID   string  `json:"clusterId,omitempty"`
	Digest      string  `json:"digest,omitempty"` // of the membership the asker knows
	From        *member `json:"from,omitempty"`
	NodeIDs     []int   `json:"nodeIds,omitempty"`
}

type reply struct {
	Error     string       `json:"error,omitempty"`
	ClusterID string       `json:"clusterId,omitempty"`
	Digest    string       `json:"digest,omitempty"`
	From      *member      `json:"from,omitempty"`
	Members   []member     `json:"members,omitempty"` // only where the digests differ
	Allocator bool         `json:"allocator,omitempty"`
	NodeID    int          `json:"nodeId,omitempty"`
	Live      map[int]bool `json:"live,omitempty"`     // by node id
	SeenFrom  string       `json:"seenFrom,omitempty"` // the asker's address as it arrives here
}

func encodeFrame(value any) ([]byte, error) {
	body, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	frame := make([]byte, 4, 4+len(body))
	binary.BigEndian.PutUint32(frame, uint32(len(body)))
	return append(frame, body...), nil
}

func writeFrame(w io.Writer, value any) error {
	frame, err := encodeFrame(value)
	if err != nil {
		return err
	}
	_, err = w.Write(frame)
	return err
}

func readFrame(r io.Reader, into any) error {
	var header [4]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return err
	}
	length := binary.BigEndian.Uint32(header[:])
	if length > frameLimitBytes {
		return fmt.Errorf("frame of %d bytes exceeds %d: not a stand-in at the other end", length, frameLimitBytes)
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(r, body); err != nil {
		return err
	}
	return json.Unmarshal(body, into)
}

// refusal is an answer of the peer itself, as opposed to a connection that failed.
type refusal struct{ message string }

func (r refusal) Error() string { return r.message }

// connection is an established, mutually authenticated connection to a node.
type connection struct {
	*tls.Conn
	address  string // IP and port that the name stood for
	peerName string
}

// dial looks the name up anew each time: a pod's address changes when it moves.
func dial(ctx context.Context, t *trust, target string) (*connection, error) {
	host, _, err := net.SplitHostPort(target)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	raw, err := (&net.Dialer{KeepAlive: 15 * time.Second}).DialContext(ctx, "tcp", target)
	if err != nil {
		return nil, err
	}
	secured := tls.Client(raw, t.client(host))
	if err := secured.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, err
	}
	return &connection{Conn: secured, address: raw.RemoteAddr().String(), peerName: peerName(secured.ConnectionState())}, nil
}

// exchange sends one request and returns its reply and the time between.
func (c *connection) exchange(ask request) (reply, time.Duration, error) {
	var answer reply
	if err := c.SetDeadline(time.Now().Add(exchangeTimeout)); err != nil {
		return answer, 0, err
	}
	frame, err := encodeFrame(ask)
	if err != nil {
		return answer, 0, err
	}
	start := time.Now()
	if _, err := c.Write(frame); err != nil {
		return answer, 0, err
	}
	err = readFrame(c, &answer)
	elapsed := time.Since(start)
	if errors.Is(err, io.EOF) {
		err = errors.New("the peer closed the connection without an answer")
	}
	if err == nil && answer.Error != "" {
		err = refusal{answer.Error}
	}
	return answer, elapsed, err
}
