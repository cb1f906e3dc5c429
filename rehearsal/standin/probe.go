package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// probeExchanges is how many round trips are measured over one connection; the least counts.
const probeExchanges = 3

type probeOptions struct {
	certsFolder string
	targets     []string
	timeout     time.Duration
}

// probeResult is what was seen of one target. OK means: mutual TLS held, and the node that answered is the one named.
type probeResult struct {
	StandIn                 bool   `json:"stand_in"`
	Name                    string `json:"name"`
	Address                 string `json:"address"`
	OK                      bool   `json:"ok"`
	TLS                     string `json:"tls"`
	PeerCN                  string `json:"peerCN"`
	RTTMicroseconds         int64  `json:"rttMicroseconds"`
	SourceAddressSeenByPeer string `json:"sourceAddressSeenByPeer"`
	AnsweredBy              string `json:"answeredBy"` // the address that the answering node advertises
	NodeID                  int    `json:"nodeId"`
	ClusterID               string `json:"clusterId"`
	Error                   string `json:"error,omitempty"`
}

// parseProbe checks the command line of `probe`.
func parseProbe(arguments []string) (probeOptions, error) {
	o := probeOptions{timeout: 10 * time.Second}
	err := parseFlags("probe", arguments, map[string]flagDefinition{
		"certs-dir": {set: func(v string) error { return setFolder(&o.certsFolder, v) }},
		"timeout":   {set: func(v string) error { return setDuration(&o.timeout, v) }},
		"targets": {set: func(v string) error {
			targets, err := parseJoin(v)
			o.targets = append(o.targets, targets...)
			return err
		}},
	})
	switch {
	case err != nil:
	case o.certsFolder == "":
		err = errors.New("--certs-dir is required")
	case len(o.targets) == 0:
		err = errors.New("--targets is required: a comma-separated list of addresses")
	}
	return o, err
}

// runProbe dials every target at once with the node certificate and prints a JSON list in the order of the targets; it
// fails if any target did.
func runProbe(arguments []string, stdout io.Writer) error {
	o, err := parseProbe(arguments)
	if err != nil {
		return err
	}
	t, err := newTrust(func() (*certificates, error) { return loadNodeCertificates(o.certsFolder, time.Now()) })
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), o.timeout)
	defer cancel()
	results := make([]probeResult, len(o.targets))
	var running sync.WaitGroup
	for i, target := range o.targets {
		running.Go(func() { results[i] = probe(ctx, t, target) })
	}
	running.Wait()
	failed := 0
	for _, one := range results {
		if !one.OK {
			failed++
		}
	}
	encoder := json.NewEncoder(stdout)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(results); err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d targets failed", failed, len(results))
	}
	return nil
}

func probe(ctx context.Context, t *trust, target string) probeResult {
	result := probeResult{StandIn: true, Name: target}
	c, err := dial(ctx, t, target)
	if err != nil {
		result.Error = err.Error()
		return result
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	result.Address, result.PeerCN = c.address, c.peerName
	result.TLS = tlsVersionName(c.ConnectionState().Version)
	for range probeExchanges {
		answer, elapsed, err := c.exchange(request{Kind: requestProbe})
		if err == nil && answer.From == nil {
			err = errors.New("the peer did not say who it is")
		}
		if err != nil {
			result.Error = err.Error()
			return result
		}
		if result.RTTMicroseconds == 0 || elapsed.Microseconds() < result.RTTMicroseconds {
			result.RTTMicroseconds = max(1, elapsed.Microseconds())
		}
		result.SourceAddressSeenByPeer, result.AnsweredBy = answer.SeenFrom, answer.From.Address
		result.NodeID, result.ClusterID = answer.From.NodeID, answer.ClusterID
	}
	if result.AnsweredBy != target {
		result.Error = "another node answered: " + result.AnsweredBy
		return result
	}
	result.OK = true
	return result
}
