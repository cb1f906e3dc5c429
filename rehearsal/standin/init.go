package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// initPatience is how long `init` waits for its node to answer at all.
const initPatience = 30 * time.Second

type initOptions struct {
	host        string
	clusterName string
	certsFolder string
}

// parseInit checks the command line of `init`.
func parseInit(arguments []string) (initOptions, error) {
	o := initOptions{host: "localhost:" + defaultPort}
	err := parseFlags("init", arguments, map[string]flagDefinition{
		"certs-dir": {set: func(v string) error { return setFolder(&o.certsFolder, v) }},
		"host": {set: func(v string) (err error) {
			o.host, err = parseAddress(v, defaultPort, true)
			return err
		}},
		"cluster-name": {set: func(v string) error { return setClusterName(&o.clusterName, v) }},
	})
	if err == nil && o.certsFolder == "" {
		err = errors.New("--certs-dir is required: the stand-in knows no insecure mode")
	}
	return o, err
}

// runInit asks one node to make the cluster. A second time is an error, whichever node is asked.
func runInit(arguments []string, stdout, stderr io.Writer) error {
	o, err := parseInit(arguments)
	if err != nil {
		return err
	}
	fmt.Fprintln(stderr, notice)
	t, err := newTrust(func() (*certificates, error) { return loadRootCertificates(o.certsFolder, time.Now()) })
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), initPatience)
	defer cancel()
	c, err := dial(ctx, t, o.host)
	for err != nil {
		fmt.Fprintf(stderr, "warning: node %s is not ready to be asked, retrying: %v\n", o.host, err)
		select {
		case <-ctx.Done():
			return fmt.Errorf("cannot dial server %s within %s: %w", o.host, initPatience, err)
		case <-time.After(time.Second):
		}
		c, err = dial(ctx, t, o.host)
	}
	defer c.Close()
	// Asked once only: after a lost answer nobody knows here whether there is a cluster now.
	answer, _, err := c.exchange(request{Kind: requestInit, ClusterName: o.clusterName})
	if err != nil {
		if err.Error() == errInitialized.Error() {
			return fmt.Errorf("%w\nHINT: Please ensure all your start commands are using --join.", err)
		}
		return err
	}
	fmt.Fprintf(stdout, "Cluster successfully initialized\n")
	fmt.Fprintf(stderr, "stand-in cluster id %s\n", answer.ClusterID)
	return nil
}
