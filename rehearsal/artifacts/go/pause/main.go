// Command pause is the process that holds a pod's namespaces: it sleeps until it is told to end, and collects the exit
// status of orphans when it is process 1 of a shared process namespace. `pause -v` says what it is and ends, as upstream's
// does: kubeadm's health check before an upgrade is a Job of that.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "-v" {
		fmt.Println("pause (archipelago's own)")
		return
	}
	ended := make(chan os.Signal, 1)
	orphans := make(chan os.Signal, 16)
	signal.Notify(ended, syscall.SIGINT, syscall.SIGTERM)
	signal.Notify(orphans, syscall.SIGCHLD)
	for {
		select {
		case <-ended:
			return
		case <-orphans:
			for {
				pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
				if pid <= 0 || err != nil {
					break
				}
			}
		}
	}
}
