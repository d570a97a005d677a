"""What the tests of the cluster's modules share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fake_cluster import FakeCluster, fake_cluster


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCluster]:
    """An empty cluster, which the kubeconfig names."""
    with fake_cluster(tmp_path) as made:
        # The client reads KUBECONFIG when it is imported.
        monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(made.kubeconfig))
        yield made
