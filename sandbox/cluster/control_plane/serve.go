package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const readyWithin = 2 * time.Minute

// declaration is what cluster.json says.
type declaration struct {
	Port  int               `json:"port"`
	Nodes []nodeDeclaration `json:"nodes"`
}

// serve runs the whole control plane on files below folder; the file `ready` appears once it can be used.
func serve(ctx context.Context, folder string) error {
	if err := os.Chdir(folder); err != nil {
		return err
	}
	if err := os.RemoveAll("ready"); err != nil {
		return err
	}
	declared, err := read("cluster.json")
	if err != nil {
		return err
	}
	if err := writeCredentials(declared.Port); err != nil {
		return fmt.Errorf("credentials: %w", err)
	}
	ended := make(chan error, 8)
	if err := startEtcd(); err != nil {
		return fmt.Errorf("etcd: %w", err)
	}
	start := func(name string, run func(context.Context) error) {
		go func() { ended <- fmt.Errorf("%s ended: %w", name, run(ctx)) }()
	}
	start("kube-apiserver", func(ctx context.Context) error { return runAPIServer(ctx, declared.Port) })
	config, client, err := connected(ctx, ended)
	if err != nil {
		return err
	}
	start("kube-controller-manager", runControllerManager)
	start("kube-scheduler", runScheduler)
	kubelets, err := listenKubelet()
	if err != nil {
		return fmt.Errorf("kubelet: %w", err)
	}
	start("kubelet", func(ctx context.Context) error { return serveKubelet(ctx, kubelets) })
	port := kubelets.Addr().(*net.TCPAddr).Port
	start("kwok", func(ctx context.Context) error { return runNodes(ctx, config, port) })
	start("volumes", func(ctx context.Context) error { return runVolumes(ctx, client) })
	if err := setUp(ctx, client, declared, port); err != nil {
		return err
	}
	if err := os.WriteFile("ready", nil, 0o600); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-ended:
		return err
	}
}

func read(path string) (declaration, error) {
	var declared declaration
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &declared)
	}
	return declared, err
}

// connected waits for the API server, and returns the way to it.
func connected(ctx context.Context, ended <-chan error) (*rest.Config, *kubernetes.Clientset, error) {
	config, err := clientcmd.BuildConfigFromFlags("", "kubeconfig")
	if err != nil {
		return nil, nil, err
	}
	config.QPS, config.Burst = 1000, 1000
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, nil, err
	}
	answers := func(ctx context.Context) (bool, error) {
		select {
		case err := <-ended:
			return false, err
		default:
			return client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error() == nil, nil
		}
	}
	return config, client, wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, readyWithin, true, answers)
}

// setUp makes what a fresh cluster has: nodes, storage classes, and a service account that pods can be made with.
func setUp(ctx context.Context, client *kubernetes.Clientset, declared declaration, port int) error {
	if err := declareNodes(ctx, client, declared.Nodes, port); err != nil {
		return fmt.Errorf("nodes: %w", err)
	}
	if err := declareStorageClasses(ctx, client); err != nil {
		return fmt.Errorf("storage classes: %w", err)
	}
	usable := func(ctx context.Context) (bool, error) {
		_, err := client.CoreV1().ServiceAccounts("default").Get(ctx, "default", getOptions)
		return err == nil && nodesReady(ctx, client, len(declared.Nodes)), nil
	}
	return wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, readyWithin, true, usable)
}
