package main

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	cliflag "k8s.io/component-base/cli/flag"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	apiserveroptions "k8s.io/kubernetes/cmd/kube-apiserver/app/options"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	controllermanageroptions "k8s.io/kubernetes/cmd/kube-controller-manager/app/options"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	scheduleroptions "k8s.io/kubernetes/cmd/kube-scheduler/app/options"
)

// The three components run on their options, not by their commands, which would each claim the process's signals.

func runAPIServer(ctx context.Context, port int) error {
	options := apiserveroptions.NewServerRunOptions()
	flags := []string{
		"--etcd-servers=" + etcdSocket,
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", port),
		"--tls-cert-file=server.crt",
		"--tls-private-key-file=server.key",
		"--token-auth-file=tokens.csv",
		"--authorization-mode=Node,RBAC",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=accounts.key",
		"--service-account-signing-key-file=accounts.key",
		"--service-cluster-ip-range=10.96.0.0/16",
		"--endpoint-reconciler-type=none",
		"--enable-priority-and-fairness=false",
		// Without it a check of the server's own hides what Pod Security says of privileged pods.
		"--allow-privileged=true",
		"--kubelet-certificate-authority=ca.crt",
		"--kubelet-client-certificate=kubelet-client.crt",
		"--kubelet-client-key=kubelet-client.key",
	}
	if err := parse(options.Flags(), flags); err != nil {
		return err
	}
	if err := options.GenericServerRunOptions.ComponentGlobalsRegistry.Set(); err != nil {
		return err
	}
	completed, err := options.Complete(ctx)
	if err != nil {
		return err
	}
	if errs := completed.Validate(); len(errs) > 0 {
		return utilerrors.NewAggregate(errs)
	}
	return apiserver.Run(ctx, completed)
}

func runControllerManager(ctx context.Context) error {
	options, err := controllermanageroptions.NewKubeControllerManagerOptions()
	if err != nil {
		return err
	}
	known, disabled := controllermanager.KnownControllers(), controllermanager.ControllersDisabledByDefault()
	aliases := controllermanager.ControllerAliases()
	sets := options.Flags(known, disabled, aliases)
	options.ParsedFlags = &sets
	flags := []string{
		"--kubeconfig=kubeconfig",
		"--leader-elect=false",
		"--secure-port=0",
		"--root-ca-file=ca.crt",
		"--service-account-private-key-file=accounts.key",
		"--use-service-account-credentials=false",
		"--flex-volume-plugin-dir=flex",
		"--kube-api-qps=1000",
		"--kube-api-burst=1000",
	}
	if err := parse(sets, flags); err != nil {
		return err
	}
	config, err := options.Config(ctx, known, disabled, aliases)
	if err != nil {
		return err
	}
	return controllermanager.Run(ctx, config.Complete())
}

func runScheduler(ctx context.Context) error {
	options := scheduleroptions.NewOptions()
	flags := []string{
		"--kubeconfig=kubeconfig",
		"--leader-elect=false",
		"--secure-port=0",
		"--kube-api-qps=1000",
		"--kube-api-burst=1000",
	}
	if err := parse(*options.Flags, flags); err != nil {
		return err
	}
	config, scheduled, err := scheduler.Setup(ctx, options)
	if err != nil {
		return err
	}
	return scheduler.Run(ctx, config, scheduled)
}

func parse(sets cliflag.NamedFlagSets, arguments []string) error {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	for _, set := range sets.FlagSets {
		flags.AddFlagSet(set)
	}
	return flags.Parse(arguments)
}
