"""The property tables of the accepted types.

Source: the resource schemas of terraform-provider-docker at 5074970c71ce, which the
official plugin 5.1.0 wraps, under their Pulumi names. `output` marks what the official
plugin also takes as an input and labform does not use.
"""

from toolchain.docker_plugin.fields import Table, table

IMAGE = "docker:index/image:Image"
"""The type token of an image; it is native to the official plugin and has no schema there."""
VOLUME = "docker:index/volume:Volume"
"""The type token of a volume."""
NETWORK = "docker:index/network:Network"
"""The type token of a network."""
CONTAINER = "docker:index/container:Container"
"""The type token of a container."""

_LABELS = table("""
    label  string required replaces
    value  string required replaces
""")

PROVIDER_TABLE = table(
    """
    host                      string
    sshOpts                   list
    registryAuth              blockset
    disableDockerDaemonCheck  bool
    version                   string
    """,
    registryAuth=table("""
        address            string required
        username           string
        password           string
        configFile         string
        configFileContent  string
        authDisabled       bool
    """),
)
"""The configuration of the provider."""

IMAGE_TABLE = table(
    """
    imageName       string required
    build           blocks single
    registry        blocks single
    skipPush        bool
    buildOnPreview  bool
    """,
    build=table("""
        context         string
        dockerfile      string
        args            map
        target          string
        platform        string
        network         string
        builderVersion  string
        addHosts        list
        contextDigest   string output
    """),
    registry=table("""
        server    string
        username  string
        password  string
    """),
)
"""The inputs of an image, for the check of names alone."""

VOLUME_TABLE = table(
    """
    name        string replaces computed
    labels      blockset replaces
    driver      string replaces computed
    driverOpts  map replaces
    mountpoint  string computed output
    cluster     blocks single output
    """,
    labels=_LABELS,
    cluster={},
)
"""The properties of a volume."""

NETWORK_TABLE = table(
    """
    name         string required replaces
    labels       blockset replaces
    driver       string replaces computed
    options      map replaces computed
    internal     bool replaces computed
    attachable   bool replaces
    ingress      bool replaces output
    ipv6         bool replaces output
    ipamDriver   string replaces default=default
    ipamOptions  map replaces output
    ipamConfigs  blockset replaces computed
    scope        string computed output
    """,
    labels=_LABELS,
    ipamConfigs=table("""
        subnet      string replaces
        ipRange     string replaces
        gateway     string replaces
        auxAddress  map replaces
    """),
)
"""The properties of a network."""

_MOUNTS = table(
    """
    target         string required
    source         string
    type           string required
    readOnly       bool
    bindOptions    blocks single
    volumeOptions  blocks single
    tmpfsOptions   blocks single replaces
    """,
    bindOptions=table("propagation string"),
    volumeOptions=table(
        """
        noCopy         bool
        labels         blockset
        driverName     string
        driverOptions  map
        subpath        string replaces
        """,
        labels=_LABELS,
    ),
    tmpfsOptions=table("""
        sizeBytes  int
        mode       int
    """),
)

_NETWORKS_ADVANCED = table("""
    name          string required replaces
    aliases       set replaces
    ipv4Address   string replaces
    ipv6Address   string replaces
    linkLocalIps  set replaces
    macAddress    string replaces
    driverOpts    set replaces
    gwPriority    int replaces
""")

_UPLOADS = table("""
    content        string replaces
    contentBase64  string replaces
    file           string required replaces
    executable     bool replaces default=false
    permissions    string replaces
    source         string replaces
    sourceHash     string replaces
""")

_HEALTHCHECK = table("""
    tests          list
    interval       string default=0s
    timeout        string default=0s
    startPeriod    string default=0s
    startInterval  string default=0s
    retries        int default=0
""")

CONTAINER_TABLE = table(
    """
    name               string required replaces
    image              string required replaces
    attach             bool default=false
    bridge             string computed output
    capabilities       blockset single replaces
    cgroupParent       string replaces output
    cgroupnsMode       string replaces output
    command            list replaces computed
    containerLogs      string computed output
    containerReadRefreshTimeoutMilliseconds  int default=15000
    cpuPeriod          int output
    cpuQuota           int output
    cpuSet             string
    cpuShares          int
    cpus               string replaces
    destroyGraceSeconds  int
    deviceReadBps      blockset output
    deviceReadIops     blockset output
    deviceRequests     blockset replaces
    deviceWriteBps     blockset output
    deviceWriteIops    blockset output
    devices            blockset replaces output
    dns                set replaces
    dnsOpts            set replaces output
    dnsSearches        set replaces output
    domainname         string replaces
    entrypoints        list replaces computed
    envs               set replaces computed
    exitCode           int computed output
    gpus               string replaces output
    groupAdds          set replaces
    healthcheck        blocks single computed
    hostname           string replaces computed
    hosts              blockset replaces
    init               bool computed
    ipcMode            string replaces computed
    labels             blockset replaces computed
    logDriver          string replaces computed
    logOpts            map replaces
    logs               bool default=false
    maxRetryCount      int
    memory             int
    memoryReservation  int default=0
    memorySwap         int
    mounts             blockset replaces
    mustRun            bool default=true
    networkDatas       blocks computed output
    networkMode        string replaces default=bridge
    networksAdvanced   blockset replaces
    pidMode            string replaces output
    platform           string replaces computed output
    ports              blocks replaces
    privileged         bool replaces
    publishAllPorts    bool replaces output
    readOnly           bool replaces default=false
    removeVolumes      bool default=true
    restart            string default=no
    rm                 bool default=false
    runtime            string replaces computed
    securityOpts       set replaces computed
    shmSize            int replaces computed
    start              bool default=true
    stdinOpen          bool replaces default=false output
    stopSignal         string replaces computed
    stopTimeout        int replaces computed
    storageOpts        map replaces
    sysctls            map replaces
    tmpfs              map
    tty                bool replaces default=false output
    ulimits            blockset replaces
    uploads            blockset replaces
    user               string replaces
    usernsMode         string replaces output
    volumes            blockset replaces
    wait               bool default=false
    waitTimeout        int default=60
    workingDir         string replaces
    """,
    capabilities=table("""
        adds   set replaces
        drops  set replaces
    """),
    deviceRequests=table("""
        driver        string replaces default=cdi
        count         int replaces default=0
        deviceIds     set replaces
        capabilities  set replaces
        options       map replaces
    """),
    deviceReadBps={},
    deviceReadIops={},
    deviceWriteBps={},
    deviceWriteIops={},
    devices={},
    volumes=table("""
        containerPath   string replaces
        fromContainer   string replaces
        hostPath        string replaces
        readOnly        bool replaces
        selinuxRelabel  string replaces
        volumeName      string replaces
    """),
    hosts=table("ip string required replaces\nhost string required replaces"),
    healthcheck=_HEALTHCHECK,
    labels=_LABELS,
    mounts=_MOUNTS,
    networkDatas=table("""
        networkName             string computed
        ipAddress               string computed
        ipPrefixLength          int computed
        gateway                 string computed
        globalIpv6Address       string computed
        globalIpv6PrefixLength  int computed
        ipv6Gateway             string computed
        macAddress              string computed
    """),
    networksAdvanced=_NETWORKS_ADVANCED,
    ports=table("""
        internal  int required replaces
        external  int replaces computed
        ip        string replaces default=0.0.0.0
        protocol  string replaces default=tcp
    """),
    ulimits=table("""
        name  string required replaces
        soft  int required replaces
        hard  int required replaces
    """),
    uploads=_UPLOADS,
)
"""The properties of a container."""

TABLES: dict[str, Table] = {
    VOLUME: VOLUME_TABLE,
    NETWORK: NETWORK_TABLE,
    CONTAINER: CONTAINER_TABLE,
}
"""The types that the official plugin takes from terraform-provider-docker."""
