package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/embed"
)

// compactOnSignal has etcd forget every version but the newest when SIGUSR1 comes, and writes which that is into the
// file `compacted`.
func compactOnSignal(ctx context.Context, access *access, etcd *embed.Etcd) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	for {
		select {
		case <-ctx.Done():
			return
		case <-signals:
		}
		revision := etcd.Server.KV().Rev()
		request := &etcdserverpb.CompactionRequest{Revision: revision, Physical: true}
		word := fmt.Sprint(revision)
		if _, err := etcd.Server.Compact(ctx, request); err != nil {
			word = err.Error()
		}
		// Renamed, so that nobody reads half of it.
		if err := os.WriteFile(access.path("compacted.new"), []byte(word), 0o600); err == nil {
			_ = os.Rename(access.path("compacted.new"), access.path("compacted"))
		}
	}
}
