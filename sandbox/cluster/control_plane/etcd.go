package main

import (
	"net/url"

	"go.etcd.io/etcd/server/v3/embed"
)

// etcdSocket is where etcd listens: a Unix socket in the current folder needs no port.
const etcdSocket = "unix://etcd.sock"

// startEtcd starts etcd on the data of the folder and returns when it answers.
func startEtcd() error {
	config := embed.NewConfig()
	config.Dir = "etcd"
	config.ListenClientUrls = []url.URL{{Scheme: "unix", Host: "etcd.sock"}}
	config.ListenPeerUrls = []url.URL{{Scheme: "unix", Host: "peer.sock"}}
	config.LogLevel = "error"
	// Of a sandbox only a crash of the whole machine could lose what is not synced.
	config.UnsafeNoFsync = true
	config.TickMs, config.ElectionMs = 10, 100
	server, err := embed.StartEtcd(config)
	if err != nil {
		return err
	}
	<-server.Server.ReadyNotify()
	return nil
}
