// The sandbox cluster: a Kubernetes control plane with nodes that run nothing, in one process.
//
//	labform-cluster serve FOLDER   serve what FOLDER/cluster.json declares, until SIGTERM
//	labform-cluster kubectl ...    kubectl of the same version
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	"k8s.io/kubectl/pkg/cmd"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "kubectl" {
		os.Args = os.Args[1:]
		os.Exit(cli.Run(cmd.NewDefaultKubectlCommand()))
	}
	if len(os.Args) != 3 || os.Args[1] != "serve" {
		fmt.Fprintln(os.Stderr, "usage: labform-cluster serve FOLDER | kubectl ...")
		os.Exit(2)
	}
	// State is in etcd's log already: an orderly end of every component would only cost seconds.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}
