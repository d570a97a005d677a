"""Which fields cannot be changed in place, as the official plugin has them (its `provider/pkg/provider/diff.go`)."""

from toolchain.properties import Values

POD = tuple(
    f"spec.{name}"
    for name in (
        *("affinity", "automountServiceAccountToken", "dnsConfig", "dnsPolicy", "enableServiceLinks", "hostAliases"),
        *("hostIPC", "hostNetwork", "hostPID", "hostname", "imagePullSecrets", "nodeName", "nodeSelector", "overhead"),
        *("preemptionPolicy", "priority", "priorityClassName", "readinessGates", "restartPolicy", "runtimeClassName"),
        *("schedulerName", "securityContext", "serviceAccount", "serviceAccountName", "shareProcessNamespace"),
        *("subdomain", "terminationGracePeriodSeconds", "volumes"),
    )
)

CONTAINER = tuple(
    f"spec.{containers}.{name}"
    for containers in ("containers", "initContainers")
    for name in (
        *("args", "command", "env", "image", "imagePullPolicy", "lifecycle", "livenessProbe", "ports"),
        *("readinessProbe", "resources", "securityContext", "stdin", "stdinOnce", "terminationMessagePath"),
        *("terminationMessagePolicy", "tty", "volumeDevices", "volumeMounts", "workingDir"),
    )
)

VOLUME_SOURCES = tuple(
    f"spec.{name}"
    for name in (
        *("awsElasticBlockStore", "azureDisk", "azureFile", "cephfs", "cinder", "csi", "fc", "flexVolume", "flocker"),
        *("gcePersistentDisk", "glusterfs", "hostPath", "iscsi", "local", "nfs", "photonPersistentDisk"),
        *("portworxVolume", "quobyte", "rbd", "scaleIO", "storageos", "vsphereVolume"),
    )
)

STATEFUL_SET = ("podManagementPolicy", "revisionHistoryLimit", "selector", "serviceName", "volumeClaimTemplates")

FIELDS: dict[str, tuple[str, ...]] = {
    "apps/v1/DaemonSet": ("spec.selector",),
    "apps/v1/Deployment": ("spec.selector",),
    "apps/v1/StatefulSet": tuple(f"spec.{name}" for name in STATEFUL_SET),
    "batch/v1/Job": ("spec.completions", "spec.parallelism", "spec.selector", "spec.template"),
    "rbac.authorization.k8s.io/v1/ClusterRoleBinding": ("roleRef",),
    "rbac.authorization.k8s.io/v1/RoleBinding": ("roleRef",),
    "storage.k8s.io/v1/StorageClass": ("parameters", "provisioner"),
    "v1/PersistentVolume": VOLUME_SOURCES,
    "v1/PersistentVolumeClaim": tuple(
        f"spec.{name}" for name in ("accessModes", "selector", "storageClassName", "volumeName")
    ),
    "v1/Pod": POD + CONTAINER,
    "v1/ResourceQuota": ("spec.scopes",),
    "v1/Service": ("spec.clusterIP",),
}
"""By kind; the dots of a path pass through lists."""

IDENTITY = ("metadata.name", "metadata.namespace")
"""What replaces an object of any kind."""


def replacing(inputs: Values, *, config_maps_change: bool, secrets_change: bool) -> tuple[str, ...]:
    """Return the fields of an object whose edit replaces it."""
    kind = f"{inputs.get('apiVersion')}/{inputs.get('kind')}"
    if kind == "v1/Secret":
        fixed = inputs.get("immutable") or not secrets_change
        return (*IDENTITY, *(("type", "stringData", "data") if fixed else ("type",)))
    if kind == "v1/ConfigMap":
        fixed = inputs.get("immutable") or not config_maps_change
        return (*IDENTITY, *(("binaryData", "data") if fixed else ()))
    return (*IDENTITY, *FIELDS.get(kind, ()))
