package main

import (
	"fmt"
	"net/url"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
)

// startEtcd starts an etcd that forgets nothing but syncs nothing either: a machine that crashes takes the test along.
func startEtcd(directory string) (*embed.Etcd, error) {
	config := embed.NewConfig()
	config.Dir = directory
	config.UnsafeNoFsync = true
	config.LogLevel = "error"
	config.QuotaBackendBytes = 8 << 30
	any := url.URL{Scheme: "http", Host: "127.0.0.1:0"}
	config.ListenClientUrls = []url.URL{any}
	config.AdvertiseClientUrls = []url.URL{any}
	config.ListenPeerUrls = []url.URL{any}
	config.AdvertisePeerUrls = []url.URL{any}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	etcd, err := embed.StartEtcd(config)
	if err != nil {
		return nil, err
	}
	select {
	case <-etcd.Server.ReadyNotify():
		return etcd, nil
	case err := <-etcd.Err():
		return nil, err
	case <-time.After(startLimit):
		etcd.Close()
		return nil, fmt.Errorf("not ready after %s", startLimit)
	}
}
