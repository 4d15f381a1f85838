// A small real device plug-in for the sandbox: it offers the simulated GPUs of a host's PCI tree to the kubelet as
// nvidia.com/gpu. Two steps of init containers: "present" waits for a GPU, "validate" for the plug-in's socket too.
package main

import (
	"context"
	"flag"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

const (
	resourceName = "nvidia.com/gpu"
	socketName   = "nvidia-gpu-simulated.sock"
)

func main() {
	pciRoot := flag.String("pci-root", "/host/sys/bus/pci", "the host's PCI tree")
	procRoot := flag.String("proc-root", "/host/proc", "the host's /proc")
	sockets := flag.String("socket-directory", "/var/lib/kubelet/device-plugins", "where the kubelet's and the plug-in's sockets lie")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	list := func() []string { return findGPUs(*pciRoot, *procRoot) }
	switch flag.Arg(0) {
	case "present":
		until(ctx, "a GPU in the PCI tree", func() bool { return len(list()) > 0 })
		return
	case "validate":
		socket := filepath.Join(*sockets, socketName)
		until(ctx, "the device plug-in", func() bool { _, err := os.Stat(socket); return err == nil && len(list()) > 0 })
		return
	}
	for ctx.Err() == nil {
		if len(list()) == 0 {
			log.Printf("no NVIDIA GPU under %s: nothing to offer", *pciRoot)
			wait(ctx, rescanInterval)
			continue
		}
		if err := offer(ctx, *sockets, list); err != nil {
			log.Print(err)
		}
		wait(ctx, time.Second)
	}
}

func until(ctx context.Context, what string, there func() bool) {
	for !there() {
		log.Printf("waiting for %s", what)
		if wait(ctx, time.Second); ctx.Err() != nil {
			os.Exit(1)
		}
	}
}

func wait(ctx context.Context, duration time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(duration):
	}
}
