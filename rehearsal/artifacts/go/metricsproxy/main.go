// Command metricsproxy lets a pod of the cluster network reach a metrics port that is bound to the node's own address:
// it listens on a port and passes every connection on to <host>:<port>. The Submariner operator runs it, by this name
// and with these arguments, beside each gateway.
package main

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"sync"
	"time"
)

const dialTimeout = 10 * time.Second

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: metricsproxy <listen port> <target host> <target port>")
		os.Exit(2)
	}
	target := net.JoinHostPort(os.Args[2], os.Args[3])
	listener, err := net.Listen("tcp", ":"+os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("%s -> %s", listener.Addr(), target)
	for {
		client, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			log.Print(err)
			time.Sleep(time.Second) // out of descriptors, most likely: give some back first
			continue
		}
		go relay(client, target)
	}
}

// relay copies both ways until both sides have said all they had.
func relay(client net.Conn, target string) {
	defer client.Close()
	server, err := net.DialTimeout("tcp", target, dialTimeout)
	if err != nil {
		log.Print(err)
		return
	}
	defer server.Close()
	var both sync.WaitGroup
	both.Add(2)
	oneWay := func(to, from net.Conn) {
		defer both.Done()
		_, _ = io.Copy(to, from)
		if half, ok := to.(*net.TCPConn); ok {
			_ = half.CloseWrite()
		}
	}
	go oneWay(server, client)
	go oneWay(client, server)
	both.Wait()
}
