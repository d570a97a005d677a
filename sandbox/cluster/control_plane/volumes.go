package main

import (
	"context"
	"encoding/json"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"
	"k8s.io/utils/ptr"
)

const (
	provisioner    = "volumes.sandbox.labform"
	nobody         = "nobody.sandbox.labform"
	provisionerKey = "volume.kubernetes.io/storage-provisioner"
	selectedKey    = "volume.kubernetes.io/selected-node"
)

// volumesEvery is how often claims are looked at; a sandbox holds few.
const volumesEvery = 200 * time.Millisecond

// declareStorageClasses makes `standard`, the default; `standard-wait`, which waits for a pod; and `unprovisioned`,
// whose claims stay pending.
func declareStorageClasses(ctx context.Context, client kubernetes.Interface) error {
	for _, class := range []storagev1.StorageClass{
		storageClass("standard", provisioner, storagev1.VolumeBindingImmediate),
		storageClass("standard-wait", provisioner, storagev1.VolumeBindingWaitForFirstConsumer),
		storageClass("unprovisioned", nobody, storagev1.VolumeBindingImmediate),
	} {
		_, err := client.StorageV1().StorageClasses().Create(ctx, &class, metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	return nil
}

func storageClass(name, by string, mode storagev1.VolumeBindingMode) storagev1.StorageClass {
	class := storagev1.StorageClass{
		ObjectMeta:           metav1.ObjectMeta{Name: name},
		Provisioner:          by,
		ReclaimPolicy:        ptr.To(corev1.PersistentVolumeReclaimDelete),
		VolumeBindingMode:    &mode,
		AllowVolumeExpansion: ptr.To(true),
	}
	if name == "standard" {
		class.Annotations = map[string]string{"storageclass.kubernetes.io/is-default-class": "true"}
	}
	return class
}

// runVolumes plays the storage driver: it makes volumes for claims, grows them, and deletes released ones. Binding is
// the controller manager's.
func runVolumes(ctx context.Context, client kubernetes.Interface) error {
	return wait.PollUntilContextCancel(ctx, volumesEvery, true, func(ctx context.Context) (bool, error) {
		if err := serveVolumes(ctx, client); err != nil && ctx.Err() == nil {
			klog.ErrorS(err, "volumes")
		}
		return false, nil
	})
}

func serveVolumes(ctx context.Context, client kubernetes.Interface) error {
	// From the API server's cache: nothing is read from etcd five times a second.
	cached := metav1.ListOptions{ResourceVersion: "0"}
	claims, err := client.CoreV1().PersistentVolumeClaims("").List(ctx, cached)
	if err != nil {
		return err
	}
	for _, claim := range claims.Items {
		if err := serveClaim(ctx, client, &claim); err != nil && !apierrors.IsConflict(err) {
			klog.ErrorS(err, "claim", "namespace", claim.Namespace, "name", claim.Name)
		}
	}
	volumes, err := client.CoreV1().PersistentVolumes().List(ctx, cached)
	if err != nil {
		return err
	}
	for _, volume := range volumes.Items {
		released := volume.Status.Phase == corev1.VolumeReleased && volume.DeletionTimestamp == nil
		deletes := volume.Spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimDelete
		if volume.Annotations["pv.kubernetes.io/provisioned-by"] == provisioner && released && deletes {
			err := client.CoreV1().PersistentVolumes().Delete(ctx, volume.Name, metav1.DeleteOptions{})
			if err != nil && !apierrors.IsNotFound(err) {
				return err
			}
		}
	}
	return nil
}

func serveClaim(ctx context.Context, client kubernetes.Interface, claim *corev1.PersistentVolumeClaim) error {
	if claim.DeletionTimestamp != nil || claim.Annotations[provisionerKey] != provisioner {
		return nil
	}
	asked, given := claim.Spec.Resources.Requests[corev1.ResourceStorage], claim.Status.Capacity[corev1.ResourceStorage]
	switch {
	case claim.Status.Phase == corev1.ClaimBound && asked.Cmp(given) > 0:
		return grow(ctx, client, claim)
	case claim.Spec.VolumeName == "":
		return provision(ctx, client, claim)
	}
	return nil
}

func provision(ctx context.Context, client kubernetes.Interface, claim *corev1.PersistentVolumeClaim) error {
	class, err := client.StorageV1().StorageClasses().Get(ctx, ptr.Deref(claim.Spec.StorageClassName, ""), getOptions)
	if err != nil {
		return err
	}
	waits := ptr.Deref(class.VolumeBindingMode, "") == storagev1.VolumeBindingWaitForFirstConsumer
	if waits && claim.Annotations[selectedKey] == "" {
		return nil
	}
	volume := corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{
			Name:        "pvc-" + string(claim.UID),
			Annotations: map[string]string{"pv.kubernetes.io/provisioned-by": provisioner},
		},
		Spec: corev1.PersistentVolumeSpec{
			Capacity:                      corev1.ResourceList{"storage": claim.Spec.Resources.Requests["storage"]},
			AccessModes:                   claim.Spec.AccessModes,
			PersistentVolumeReclaimPolicy: ptr.Deref(class.ReclaimPolicy, corev1.PersistentVolumeReclaimDelete),
			StorageClassName:              class.Name,
			VolumeMode:                    claim.Spec.VolumeMode,
			ClaimRef: &corev1.ObjectReference{
				APIVersion: "v1", Kind: "PersistentVolumeClaim",
				Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID,
			},
			PersistentVolumeSource: corev1.PersistentVolumeSource{
				CSI: &corev1.CSIPersistentVolumeSource{Driver: provisioner, VolumeHandle: string(claim.UID)},
			},
		},
	}
	_, err = client.CoreV1().PersistentVolumes().Create(ctx, &volume, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

func grow(ctx context.Context, client kubernetes.Interface, claim *corev1.PersistentVolumeClaim) error {
	size := map[string]any{"capacity": map[string]any{"storage": claim.Spec.Resources.Requests["storage"]}}
	volume, err := json.Marshal(map[string]any{"spec": size})
	if err != nil {
		return err
	}
	status, err := json.Marshal(map[string]any{"status": size})
	if err != nil {
		return err
	}
	volumes, claims := client.CoreV1().PersistentVolumes(), client.CoreV1().PersistentVolumeClaims(claim.Namespace)
	options := metav1.PatchOptions{}
	if _, err = volumes.Patch(ctx, claim.Spec.VolumeName, types.MergePatchType, volume, options); err != nil {
		return err
	}
	_, err = claims.Patch(ctx, claim.Name, types.MergePatchType, status, options, "status")
	return err
}
