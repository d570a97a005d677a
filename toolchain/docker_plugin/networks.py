"""Networks."""

from typing import Any

from docker.errors import APIError

from toolchain.docker_plugin.volumes import label_list, labels_of, when_free
from toolchain.properties import Values


def create(client: Any, planned: Values) -> str:
    """Make a network and return its id; the daemon refuses a name that is taken."""
    ipam: Values = {"Driver": planned["ipamDriver"]}
    if planned["ipamConfigs"]:
        ipam["Config"] = [_pool(config) for config in planned["ipamConfigs"]]
    network = client.create_network(
        planned["name"],
        driver=planned["driver"] or "",
        options=planned["options"],
        ipam=ipam,
        check_duplicate=True,
        internal=bool(planned["internal"]),
        attachable=bool(planned["attachable"]),
        labels=labels_of(planned["labels"]),
    )
    return str(network["Id"])


def read(client: Any, network_id: str, _: Values) -> Values | None:
    """Return what the daemon knows about a network, None if it can't tell."""
    try:
        network = client.inspect_network(network_id)
    except APIError:
        return None
    ipam = network["IPAM"]
    return {
        "name": network["Name"],
        "labels": label_list(network["Labels"]),
        "driver": network["Driver"],
        "internal": network["Internal"],
        "attachable": network["Attachable"],
        "ingress": network["Ingress"],
        "ipv6": network["EnableIPv6"],
        "ipamDriver": ipam["Driver"],
        "ipamOptions": ipam["Options"] or {},
        "scope": network["Scope"],
        "options": network["Options"] or {},
        "ipamConfigs": [
            {
                "subnet": config.get("Subnet", ""),
                "ipRange": config.get("IPRange", ""),
                "gateway": config.get("Gateway", ""),
                "auxAddress": config.get("AuxiliaryAddresses") or {},
            }
            for config in ipam["Config"] or []
        ],
    }


def delete(client: Any, network_id: str, _: Values) -> None:
    """Remove a network once no container is connected any more."""
    when_free("has active endpoints", lambda: client.remove_network(network_id))


def _pool(config: Values) -> Values:
    """Return an address pool as the daemon takes it."""
    names = {"Subnet": "subnet", "IPRange": "ipRange", "Gateway": "gateway"}
    pool: Values = {name: config.get(ours) or "" for name, ours in names.items()}
    return {**pool, "AuxiliaryAddresses": config.get("auxAddress") or {}}
