"""What a project is inside its container, by the kind of its service."""

from pathlib import Path

import pytest
import yaml
from labform import workload
from labform.backends.docker.data import invitation
from labform.loading import unlocked

from tests.labs import IMAGE, args, stack_file

SERVICES = [{"kind": "jupyter"}, {"kind": "code-server"}]


@pytest.mark.parametrize("service", SERVICES)
def test_a_token_is_a_file_and_never_an_argument(service: dict[str, str]) -> None:
    """Everybody on a host can read the arguments of everybody's processes, and the variables of their own."""
    project = args(service=service)
    key = workload.token_key(project)
    named = [*workload.command(project), *workload.variables(project, gpus=False).values()]
    assert f"/run/secrets/{key}" in named


def test_code_server_reads_its_password_as_text() -> None:
    """A token may look like a number."""
    before, after = workload.around_token(args(service={"kind": "code-server"}))
    assert yaml.safe_load(f"{before}12e4{after}") == {"password": "12e4"}


@pytest.mark.parametrize("given", [{"run": {"command": ["x"]}}, {"service": {"kind": "command", "command": ["x"]}}])
def test_what_asks_for_no_token_has_none(given: dict[str, object]) -> None:
    """Runs, and programs of people's own."""
    project = args(**given)
    assert (workload.token_key(project), workload.around_token(project)) == (None, ("", ""))


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"directory": "/data/notes"}, "/data/notes"),
        ({}, "/workspace"),
    ],
)
def test_people_work_where_their_data_is(service: dict[str, str], given: dict[str, str], place: str) -> None:
    """As declared, else where the first writable volume is."""
    project = args(service={**service, **given}, mounts={"a": {"path": "/data", "read_only": True}, "b": "/workspace"})
    assert workload.command(project)[-1].endswith(place)


def test_only_an_image_with_code_server_is_built_for_it(tmp_path: Path) -> None:
    """The build says so; other projects' recipes stay as they are."""
    text = f"""
format: 1
lab: test
runs_on: {{kind: docker, hosts: {{local: {{}}}}}}
people: {{anna: {{uid: 10042}}}}
projects:
  code: {{owner: anna, environment: {{kind: prebuilt, image: "{IMAGE}"}}, service: {{kind: code-server}}}}
  notes: {{owner: anna, environment: {{kind: prebuilt, image: "{IMAGE}"}}, service: {{kind: jupyter}}}}
"""
    recipes = unlocked(stack_file(tmp_path, text)).recipes
    code, notes = recipes["code"].dockerfile, recipes["notes"].dockerfile
    assert code.startswith(notes)
    assert code[len(notes) :].startswith('RUN ["/bin/sh", "-c", "command -v code-server ')


@pytest.mark.parametrize(
    ("service", "token", "shown"),
    [
        ({"kind": "jupyter"}, None, "http://a:1/lab"),
        ({"kind": "jupyter"}, "t", "http://a:1/lab?token=t"),
        ({"kind": "code-server"}, None, "http://a:1/"),
        ({"kind": "code-server"}, "t", "http://a:1/ (password t)"),
        ({"kind": "command", "command": ["x"], "port": 80}, None, "http://a:1/"),
    ],
)
def test_who_has_a_token_is_shown_the_way_in(service: dict[str, object], token: str | None, shown: str) -> None:
    """By an address where the service takes one; code-server asks for a password."""
    assert invitation(args(service=service), "http://a:1", token) == shown
