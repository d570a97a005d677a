"""What a daemon is asked before anything is made there: whether it is Docker or Podman, and names of images."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from labform.backends.docker.daemon import check_builder, engine_of, name_image
from labform.problems import LabformError

from tests.fake_daemon import fake_daemon

IMAGE, OTHER = f"r.example.org/a@sha256:{'a' * 64}", f"r.example.org/b@sha256:{'a' * 64}"


@pytest.mark.parametrize(
    ("components", "said"),
    [([{"Name": "Engine"}], "Docker 4.3.1"), ([{"Name": "Podman Engine"}], "Podman 4.3.1"), (None, "Docker 4.3.1")],
)
def test_an_engine_says_what_it_is(components: Any, said: str) -> None:
    """Podman stands among the components of its version."""
    client: Any = SimpleNamespace(version=lambda: {"Version": "4.3.1", "Components": components})
    assert str(engine_of(client)) == said


@pytest.mark.enable_socket
def test_a_builder_is_docker(tmp_path: Path) -> None:
    """Podman's socket is refused with the line to write; Docker's is not."""
    with fake_daemon(tmp_path) as address:
        check_builder(address)
    (tmp_path / "podman").mkdir()
    with fake_daemon(tmp_path / "podman", podman=True) as address, pytest.raises(LabformError) as refused:
        check_builder(address)
    assert "is Podman" in str(refused.value)
    assert "write builder: {address: …}" in str(refused.value)


@pytest.mark.parametrize(("names", "pulled"), [([OTHER], [IMAGE]), ([OTHER, IMAGE], []), (None, [])])
def test_an_image_gets_the_name_it_is_asked_by(names: list[str] | None, pulled: list[str]) -> None:
    """One that is there under another name is pulled; one that is not there at all is the provider's to pull."""
    asked: list[str] = []
    held = SimpleNamespace(attrs={"RepoDigests": names})

    def get(_: str) -> Any:
        """The image that a Podman answers with."""
        from docker.errors import NotFound

        if names is None:
            raise NotFound("no such image")
        return held

    name_image(SimpleNamespace(images=SimpleNamespace(get=get, pull=asked.append)), IMAGE)  # type: ignore[arg-type]
    assert asked == pulled
