"""All that others than a project's owner may look at: what a secret must not stand in, in clear or in base64."""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping

from tests.engine.bench import Bench


def visible(bench: Bench) -> Iterator[tuple[str, str]]:
    """Each such place and what it holds: state, the daemon's answers, logs, and the deployment's files."""
    yield "pulumi stack export", bench.state()
    for container in bench.containers():
        yield f"docker inspect {container.name}", json.dumps(container.attrs)
        yield f"docker logs {container.name}", container.logs().decode()
        yield f"docker history {container.name}", json.dumps(bench.docker.api.history(container.attrs["Image"]))
        yield f"image of {container.name}", json.dumps(bench.docker.api.inspect_image(container.attrs["Image"]))
    label = {"label": f"labform.lab={bench.name}"}
    for thing in (*bench.docker.networks.list(filters=label), *bench.docker.volumes.list(filters=label)):
        yield f"docker inspect {thing.name}", json.dumps(thing.attrs)
    for folder in (bench.project / ".labform", bench.project / "stacks", bench.deployment.data):
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            yield str(path), path.read_bytes().decode(errors="replace")


def exposed(secrets: Mapping[str, str], places: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Which secret stands where. In base64 a text has three spellings, one for each place it may start at."""
    forms = [(name, form) for name, value in secrets.items() for form in (value, *_base64(value))]
    return {(name, place) for place, text in places for name, form in forms if form in text}


def _base64(value: str) -> Iterator[str]:
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + value.encode()).decode()
        # The first and last group of four also depend on what stands around the value.
        yield coded[4:-4]
