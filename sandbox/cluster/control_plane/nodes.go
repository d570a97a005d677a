package main

import (
	"context"
	_ "embed"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/retry"
	"k8s.io/utils/clock"
	nodeinitialize "sigs.k8s.io/kwok/kustomize/stage/node/fast"
	nodeheartbeat "sigs.k8s.io/kwok/kustomize/stage/node/heartbeat-with-lease"
	podstages "sigs.k8s.io/kwok/kustomize/stage/pod/fast"
	"sigs.k8s.io/kwok/pkg/apis/internalversion"
	"sigs.k8s.io/kwok/pkg/config"
	"sigs.k8s.io/kwok/pkg/kwok/controllers"
	"sigs.k8s.io/kwok/pkg/utils/client"
	utilsslices "sigs.k8s.io/kwok/pkg/utils/slices"
)

// faults are stages of our own, for pods whose image asks to fail.
//
//go:embed faults.yaml
var faults string

var getOptions = metav1.GetOptions{}

// nodeDeclaration is one node: what it is called, which labels it has and what it reports.
type nodeDeclaration struct {
	Name      string              `json:"name"`
	Labels    map[string]string   `json:"labels"`
	Resources corev1.ResourceList `json:"resources"`
}

// runNodes lets kwok play the kubelets of all nodes; what else they are asked is answered on one port.
func runNodes(ctx context.Context, way *rest.Config, port int) error {
	stages, err := parsedStages()
	if err != nil {
		return err
	}
	clients, err := client.NewClientset("", "kubeconfig")
	if err != nil {
		return err
	}
	dynamic, err := clients.ToDynamicClient()
	if err != nil {
		return err
	}
	mapper, err := clients.ToRESTMapper()
	if err != nil {
		return err
	}
	typed, err := kubernetes.NewForConfig(way)
	if err != nil {
		return err
	}
	controller, err := controllers.NewController(controllers.Config{
		Clock:                      clock.RealClock{},
		DynamicClient:              dynamic,
		RESTClient:                 typed.CoreV1().RESTClient(),
		RESTMapper:                 mapper,
		ImpersonatingDynamicClient: clients.ToImpersonatingDynamicClient(),
		ImpersonatingTypedClient:   clients.ToImpersonatingTypedClient(),
		TypedClient:                typed,
		ManageAllNodes:             true,
		CIDR:                       "10.0.0.1/24",
		NodeIP:                     "127.0.0.1",
		NodePort:                   port,
		LocalStages:                stages,
		PodPlayStageParallelism:    4,
		NodePlayStageParallelism:   4,
		NodeLeaseDurationSeconds:   40,
		NodeLeaseParallelism:       4,
		PodsOnNodeSyncParallelism:  4,
		ID:                         "labform-sandbox",
	})
	if err != nil {
		return err
	}
	if err := controller.Start(ctx); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

func parsedStages() (map[internalversion.StageResourceRef][]*internalversion.Stage, error) {
	texts := []string{
		nodeinitialize.DefaultNodeInit, nodeheartbeat.DefaultNodeHeartbeatWithLease,
		podstages.DefaultPodReady, podstages.DefaultPodComplete, podstages.DefaultPodDelete,
	}
	texts = append(texts, strings.Split(faults, "\n---\n")...)
	var stages []*internalversion.Stage
	for _, text := range texts {
		stage, err := config.UnmarshalWithType[*internalversion.Stage](text)
		if err != nil {
			return nil, err
		}
		stages = append(stages, stage)
	}
	return utilsslices.GroupBy(stages, func(stage *internalversion.Stage) internalversion.StageResourceRef {
		return stage.Spec.ResourceRef
	}), nil
}

// declareNodes makes the cluster's nodes those that are declared.
func declareNodes(ctx context.Context, client kubernetes.Interface, declared []nodeDeclaration, port int) error {
	nodes := client.CoreV1().Nodes()
	undeclared := map[string]bool{}
	found, err := nodes.List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, node := range found.Items {
		undeclared[node.Name] = true
	}
	for _, declaration := range declared {
		delete(undeclared, declaration.Name)
		if err := declareNode(ctx, nodes, declaration, port); err != nil {
			return err
		}
	}
	for name := range undeclared {
		if err := nodes.Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
			return err
		}
	}
	return nil
}

func declareNode(ctx context.Context, nodes typedcorev1.NodeInterface, declared nodeDeclaration, port int) error {
	labels := map[string]string{
		corev1.LabelHostname: declared.Name, corev1.LabelOSStable: "linux", corev1.LabelArchStable: "amd64",
	}
	maps.Copy(labels, declared.Labels)
	node := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: declared.Name, Labels: labels}}
	endpoint := corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: int32(port)}}
	node.Status = corev1.NodeStatus{
		Capacity: declared.Resources, Allocatable: declared.Resources, DaemonEndpoints: endpoint,
	}
	_, err := nodes.Create(ctx, &node, metav1.CreateOptions{})
	if !apierrors.IsAlreadyExists(err) {
		return err
	}
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		there, err := nodes.Get(ctx, declared.Name, getOptions)
		if err != nil {
			return err
		}
		there.Labels = labels
		if there, err = nodes.Update(ctx, there, metav1.UpdateOptions{}); err != nil {
			return err
		}
		there.Status.Capacity, there.Status.Allocatable = declared.Resources, declared.Resources
		there.Status.DaemonEndpoints = endpoint
		_, err = nodes.UpdateStatus(ctx, there, metav1.UpdateOptions{})
		return err
	})
}

func nodesReady(ctx context.Context, client kubernetes.Interface, wanted int) bool {
	nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return false
	}
	ready := 0
	for _, node := range nodes.Items {
		tainted := len(node.Spec.Taints) > 0
		for _, condition := range node.Status.Conditions {
			if condition.Type == corev1.NodeReady && condition.Status == corev1.ConditionTrue && !tainted {
				ready++
			}
		}
	}
	return ready >= wanted
}
