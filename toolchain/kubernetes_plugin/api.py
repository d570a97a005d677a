"""The API server: objects of any kind by plain requests, on the connection that the kubeconfig describes."""

import json
import ssl
import threading
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlencode

import urllib3
from kubernetes.client import Configuration
from kubernetes.config import kube_config

from toolchain.properties import Values

TIMEOUT = urllib3.Timeout(connect=5, read=32)
"""Seconds; a read's is the official plugin's."""

CONNECTIONS = 64
"""As many as operations run at once."""

APPLY, MERGE, PATCH = "application/apply-patch+yaml", "application/merge-patch+json", "application/json-patch+json"
"""Types of a patch; JSON is YAML."""


class ApiError(Exception):
    """What the API server answered instead of an object; the message is its own."""

    def __init__(self, status: int, body: Values) -> None:
        super().__init__(body.get("message") or f"the server answered {status}")
        self.status = status
        self.reason = body.get("reason", "")
        self.details = body.get("details") or {}


class UnreachableError(Exception):
    """The API server did not answer."""


class NoMatchError(Exception):
    """The API server has no such kind, maybe not yet."""


class Kind(NamedTuple):
    """How a kind is addressed: `Kind("/apis/apps/v1", "deployments", True)`."""

    group: str
    plural: str
    namespaced: bool

    def path(self, namespace: str = "", name: str = "") -> str:
        """Return the path of an object, or of all of a namespace."""
        inside = f"/namespaces/{namespace or 'default'}" if self.namespaced else ""
        return f"{self.group}{inside}/{self.plural}" + (f"/{name}" if name else "")


@dataclass
class Api:
    """One API server, as one user."""

    config: Configuration
    pool: urllib3.PoolManager
    _kinds: dict[str, dict[str, Kind]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, kubeconfig: Values) -> "Api":
        """Read the way to the server; ConfigException or ssl.SSLError if it is no way."""
        config = Configuration()
        try:
            kube_config.load_kube_config_from_dict(kubeconfig, client_configuration=config, persist_config=False)
            tls = ssl.create_default_context(cafile=config.ssl_ca_cert)
            if config.cert_file:
                tls.load_cert_chain(config.cert_file, config.key_file)
        finally:
            # The certificates are read; a plugin that is killed would leave the files behind.
            kube_config._cleanup_temp_files()  # noqa: SLF001
        if not config.verify_ssl:
            tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
        pool = urllib3.PoolManager(
            ssl_context=tls, maxsize=CONNECTIONS, retries=urllib3.Retry(total=1, other=0), timeout=TIMEOUT
        )
        return cls(config, pool)

    def kind(self, api_version: str, kind: str) -> Kind:
        """Return how a kind is addressed; NoMatchError if the server does not know it."""
        with self._lock:
            if kind not in self._kinds.get(api_version, {}):
                self._kinds[api_version] = self._discovered(api_version)
            found = self._kinds[api_version].get(kind)
        if found is None:
            group, _, version = api_version.rpartition("/")
            raise NoMatchError(f'no matches for kind "{kind}" in version "{f"{group}/{version}".strip("/")}"')
        return found

    def get(self, values: Values) -> Values:
        """Return the live object that these values name."""
        return self.request("GET", self.path(values))

    def path(self, values: Values) -> str:
        """Return the path of an object."""
        metadata = values["metadata"]
        kind = self.kind(values["apiVersion"], values["kind"])
        return kind.path(metadata.get("namespace", ""), metadata["name"])

    def listed(self, api_version: str, kind: str, namespace: str, **query: str) -> list[Values]:
        """Return the objects of a kind in a namespace."""
        answer = self.request("GET", self.kind(api_version, kind).path(namespace), query=query)
        return list(answer.get("items") or [])

    def request(
        self, method: str, path: str, body: Any = None, *, type_: str = "application/json", query: Values | None = None
    ) -> Values:
        """Ask the server; ApiError with what it says, UnreachableError if it says nothing."""
        headers = {"Accept": "application/json", "Content-Type": type_}
        for setting in self.config.auth_settings().values():
            headers[setting["key"]] = setting["value"]
        url = f"{self.config.host}{path}" + (f"?{urlencode(query)}" if query else "")
        data = None if body is None else json.dumps(body)
        try:
            answer = self.pool.request(method, url, body=data, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            raise UnreachableError(f'{method.title()} "{url}": {_cause(error)}') from error
        found = _document(answer.data)
        if answer.status >= 400:
            raise ApiError(answer.status, found)
        return found

    def _discovered(self, api_version: str) -> dict[str, Kind]:
        group = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        try:
            listed = self.request("GET", group)["resources"]
        except ApiError as error:
            if error.status == 404:
                return {}
            raise
        return {
            entry["kind"]: Kind(group, entry["name"], entry["namespaced"])
            for entry in listed
            if "/" not in entry["name"]
        }


def _document(data: bytes) -> Values:
    try:
        found = json.loads(data)
    except ValueError:
        return {"message": data.decode(errors="replace").strip()}
    return found if isinstance(found, dict) else {"message": str(found)}


def _cause(error: Exception) -> str:
    """Return the last of the causes that urllib3 wraps into each other."""
    reason = getattr(error, "reason", None)
    return _cause(reason) if isinstance(reason, Exception) else str(error).rpartition(": ")[2] or repr(error)
