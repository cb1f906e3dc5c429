// Program cockroach, as built from this folder, is a stand-in: it keeps the process contract that a StatefulSet and
// its init Job have with CockroachDB (flags, certificates, joining, init, health, signals, a volume) where the real
// image cannot be had. It is not CockroachDB: it speaks no SQL and stores no data but its own membership.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// release is what every version field says. The number is the CockroachDB release whose contract is kept.
var release = "stand-in for CockroachDB v25.4.14"

// notice is the first line of every log and the first paragraph of the help.
const notice = "This is archipelago's stand-in for CockroachDB. It is NOT CockroachDB: no SQL, no data."

const usage = notice + `

Usage:
  cockroach start    start a node of a multi-node cluster
  cockroach init     initialise the cluster, once
  cockroach node     status: list the nodes; decommission: take stores that are gone out of the list
  cockroach probe    dial nodes with mutual TLS and print what was seen as JSON (stand-in only)
  cockroach version  print the version
`

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run executes one command line and returns its exit code.
func run(arguments []string, stdout, stderr io.Writer) int {
	if len(arguments) == 0 || arguments[0] == "help" || arguments[0] == "--help" || arguments[0] == "-h" {
		fmt.Fprint(stdout, usage)
		return 0
	}
	command, rest := arguments[0], arguments[1:]
	var err error
	switch command {
	case "start":
		err = runStart(rest, stderr)
	case "init":
		err = runInit(rest, stdout, stderr)
	case "node":
		err = runNode(rest, stdout, stderr)
	case "probe":
		err = runProbe(rest, stdout)
	case "version":
		fmt.Fprintln(stdout, release)
	default:
		fmt.Fprintf(stderr, "ERROR: unknown command %q for \"cockroach\"\n", command)
		return 1
	}
	if errors.Is(err, errHelp) {
		fmt.Fprint(stdout, usage)
		return 0
	}
	if err != nil {
		fmt.Fprintf(stderr, "ERROR: %v\nFailed running %q\n", err, command)
		return 1
	}
	return 0
}

// runStart runs a node until SIGTERM or SIGINT; SIGHUP reloads the certificates.
func runStart(arguments []string, stderr io.Writer) error {
	options, err := parseStart(arguments)
	if err != nil {
		return err
	}
	log := newLogger(stderr, options.logLevel)
	log.always(notice)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)

	n, err := startNode(options, log)
	if err != nil {
		return err
	}
	for {
		select {
		case <-hangup:
			n.reloadCertificates()
		case <-ctx.Done():
			log.info("initiating graceful shutdown of server")
			n.drain()
			log.info("server drained and shutdown completed")
			return nil
		}
	}
}
