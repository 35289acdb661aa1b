// A kube-apiserver and its etcd in one process, for tests; with `kube-proxy` as its first argument, a kube-proxy.
//
// It listens on 127.0.0.1 only. Everything that a client needs, and everything that it keeps, is in one directory, so
// that a second start in the same directory is a restart of the same cluster: same certificates, same keys, same data.
//
// It prints `ready URL` when it serves, and ends when it gets SIGTERM or its standard input is closed: a test that dies
// takes its server with it.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// How long a server may take to begin, on a busy machine, and to end while clients hold watches.
const (
	startLimit = 2 * time.Minute
	stopLimit  = 10 * time.Second
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "kube-proxy" {
		os.Exit(proxy(os.Args[2:]))
	}
	directory := flag.String("dir", "", "where everything is kept")
	port := flag.Int("port", 0, "the port of 127.0.0.1 to listen on; 0 for any")
	renew := flag.String("renew", "", "what to make anew: the serving certificate, or the authority and with it the certificate")
	flag.Parse()
	if err := run(*directory, *port, *renew, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "apiserver:", err)
		os.Exit(1)
	}
}

// run serves until it is told to stop; extra are further flags of kube-apiserver.
func run(directory string, port int, renew string, extra []string) error {
	if directory == "" {
		return fmt.Errorf("--dir is missing")
	}
	directory, err := filepath.Abs(directory)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return err
	}
	listener, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	access, err := prepare(directory, listener.Addr().String(), renew)
	if err != nil {
		return err
	}
	etcd, err := startEtcd(filepath.Join(directory, "etcd"))
	if err != nil {
		return fmt.Errorf("etcd: %w", err)
	}
	// The API server ends first: without its etcd it goes on for minutes.
	defer etcd.Close()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	go compactOnSignal(ctx, access, etcd)
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, listener, access, etcd, extra) }()
	if err := waitUntilReady(ctx, access, ended); err != nil {
		return err
	}
	fmt.Printf("ready %s\n", access.url)
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-ended:
		return err
	case <-time.After(stopLimit):
		return nil
	}
}
