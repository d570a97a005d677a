"""The example lab, stacks/dev.yaml, does real work: brought up once, and used as its people use it."""

import copy
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from labform.backends.kubernetes.pod import Workload
from labform.lab import service_token
from labform.loading import read

import sandbox
import toolchain
from sandbox.dev import lock_projects
from tests.engine.bench import PORTS, REPOSITORY, Bench, sh, until
from tests.engine.jupyter import JupyterClient
from tests.engine.pod_on_docker import PodOnDocker
from tests.engine.visible import exposed, visible

CELL = """
%matplotlib inline
import sys
from matplotlib import pyplot
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

flowers = load_iris()
model = LogisticRegression(max_iter=1000).fit(flowers.data, flowers.target)
print(sys.executable, model.score(flowers.data, flowers.target) > 0.9)
pyplot.scatter(flowers.data[:, 0], flowers.data[:, 2], c=model.predict(flowers.data))
pyplot.show()
"""
NO_NEIGHBOURS = {"com.docker.network.bridge.enable_icc": "false"}
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
"""A browser, where one is installed."""


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory, box: sandbox.Sandbox, tools: toolchain.Toolchain) -> Iterator[Bench]:
    """The example lab as a fresh clone brings it up."""
    parts = sh("git", "ls-files", "Pulumi.dev.yaml", "stacks/dev.yaml", "projects", cwd=REPOSITORY).split()
    made = Bench(tmp_path_factory.mktemp("dev"), box, tools, "dev", stack="dev", parts=parts)
    path = made.project / "stacks" / "dev.yaml"
    path.write_text(path.read_text().replace("local: {}", f'local: {{ports: "{PORTS}"}}'))
    made.lab = yaml.safe_load(path.read_text())
    lock_projects(made.project / "projects")
    try:
        made.up()
        until(lambda: made.inspect("course-data")["State"]["Status"] == "exited", "the dataset is written")
        yield made
    finally:
        made.close()


@pytest.fixture
def jupyter(dev: Bench) -> JupyterClient:
    """The notebook's JupyterLab, opened with its token."""
    return JupyterClient(dev.output("projects")["notebook"]["url"], dev.output("tokens")["notebook"])


def renewed(dev: Bench, project: str) -> None:
    """Give a project another container, by an edit of a variable."""
    env = dev.lab["projects"][project].setdefault("env", {})
    env["RENEWED"] = str(int(env.get("RENEWED", 0)) + 1)
    dev.write(dev.lab)
    dev.up(lock=False)


def identity(dev: Bench, project: str) -> tuple[str, str]:
    """What another container, or a restart of the same, would change."""
    found = dev.inspect(project)
    return found["Id"], found["State"]["StartedAt"]


def test_the_notebook_answers_to_its_token_only(dev: Bench, jupyter: JupyterClient) -> None:
    """`up` has waited until it is healthy; without the token it refuses."""
    assert dev.inspect("notebook")["State"]["Health"]["Status"] == "healthy"
    assert jupyter.ask("GET", "/api/kernels", token=False).status_code == 403
    assert jupyter.ask("POST", "/api/kernels", token=False, json={}).status_code == 403
    assert jupyter.ask("GET", "/api/kernels").status_code == 200
    assert "new_password" not in jupyter.ask("GET", "/login", token=False).text


def test_the_same_image_serves_as_a_pod(dev: Bench, tmp_path: Path) -> None:
    """Probe, token, user, data and shared memory, under the security context that a cluster's pod has."""
    lab = read(dev.project / "stacks" / "dev.yaml", lock=dev.deployment.lock).lab
    args, limits = lab.projects["notebook"], lab.limits("notebook")
    one = Workload(
        "dev", "notebook", args, lab.people["anna"], "dev-anna", limits, claims={key: key for key in args.mounts}
    )
    image = dev.inspect("notebook")["Image"]
    with PodOnDocker(dev.docker, one, image, {"jupyter-token": "of-the-pod"}, tmp_path) as pod:
        until(pod.ready, "the startup probe passes")
        assert pod.status("8888/api/kernels?token=of-the-pod") == 200
        assert pod.status("8888/api/kernels") == 403
        assert pod.run("sh", "-c", "whoami; id -u; touch ~/made; stat -c %u ~/made") == "anna\n10042\n10042\n"
        assert pod.run("stat", "-fc", "%b", "/dev/shm") == f"{limits.shared_memory // 4096}\n"
        assert pod.run("sh", "-c", "echo $NVIDIA_VISIBLE_DEVICES") == "void\n"


def test_a_cell_fits_a_model_and_draws_it(jupyter: JupyterClient) -> None:
    """scikit-learn and matplotlib work in the kernel, which is the environment's interpreter."""
    done = jupyter.run(CELL)
    assert not done.error, done.error
    assert done.text.split() == ["/opt/env/bin/python", "True"]
    (figure,) = done.figures
    assert figure.startswith(b"\x89PNG")
    assert len(figure) > 5000


@pytest.mark.parametrize("shell", [["sh", "-c"], ["sh", "-lc"], ["bash", "-c"], ["bash", "-lc"], ["bash", "-ic"]])
def test_python_is_the_environment_in_every_shell(dev: Bench, shell: list[str]) -> None:
    """Plain, login and interactive shells find the same interpreter as `docker exec`."""
    assert dev.run("notebook", "python", "-c", "import sys; print(sys.executable)") == "/opt/env/bin/python\n"
    assert dev.run("notebook", *shell, "command -v python", stderr=False) == "/opt/env/bin/python\n"


def test_the_owner_is_known_in_the_container(dev: Bench) -> None:
    """`whoami`, `id` and Python know anna and her uid."""
    assert dev.run("notebook", "whoami") == "anna\n"
    assert dev.run("notebook", "id", "-u") == "10042\n"
    who = "import getpass, os, pwd; print(getpass.getuser(), pwd.getpwuid(os.getuid()).pw_dir)"
    assert dev.run("notebook", "python", "-c", who) == "anna /home/lab\n"


def test_the_owner_commits_with_git(dev: Bench) -> None:
    """A commit needs no set-up; it is the owner's."""
    container = dev.docker.containers.get("dev-notebook")
    if container.exec_run(["sh", "-c", "command -v git"]).exit_code:
        pytest.skip("the base image has no git")
    script = "cd $(mktemp -d) && git init -q . && touch a && git add a && git commit -qm one && git log --format=%an"
    assert dev.run("notebook", "sh", "-ec", script, stderr=False) == "anna\n"


def test_a_new_container_keeps_notebooks_and_forgets_installs(dev: Bench, jupyter: JupyterClient) -> None:
    """A notebook is on the volume; what `pip install` put into the environment goes with the container."""
    jupyter.save("kept.ipynb", "1 + 1")
    dev.run("notebook", "pip", "install", "--quiet", "iniconfig")
    place = dev.run("notebook", "python", "-c", "import iniconfig; print(iniconfig.__file__)")
    assert place.startswith("/opt/env/lib/")
    assert dev.run("notebook", "find", "/home/lab", "-iname", "*iniconfig*") == ""
    before = identity(dev, "notebook")
    renewed(dev, "notebook")
    assert identity(dev, "notebook") != before
    assert "1 + 1" in dev.run("notebook", "cat", "/home/lab/kept.ipynb")
    assert jupyter.ask("GET", "/api/contents/kept.ipynb").status_code == 200
    assert dev.run("notebook", "python", "-c", FIND_INSTALLED) == "None\n"


FIND_INSTALLED = "import importlib.util as u; print(u.find_spec('iniconfig'))"


def test_no_user_site(dev: Bench) -> None:
    """A package in the home's user site does not shadow the image's."""
    code = "import site, sys; print(site.ENABLE_USER_SITE, [one for one in sys.path if one.startswith('/home')])"
    assert dev.run("notebook", "python", "-c", code) == "False []\n"


def test_the_course_summarises_its_dataset(dev: Bench) -> None:
    """The service reads what the run wrote, answers with 12 rooms, and keeps its answer on its volume."""
    answer = requests.get(f"{dev.output('projects')['course']['url']}/summary", timeout=30)
    assert len(answer.json()) == 12
    assert dev.run("course", "wc", "-l", "/workspace/summary.csv") == "13 /workspace/summary.csv\n"


def test_the_course_cannot_write_its_dataset(dev: Bench) -> None:
    """The dataset is read-only there."""
    refused = dev.docker.containers.get("dev-course").exec_run(["touch", "/data/rooms.csv"])
    assert refused.exit_code == 1
    assert b"Read-only file system" in refused.output


def test_the_paper_runs_once_per_generation(dev: Bench) -> None:
    """It completes and leaves its result on its volume; a new generation runs it again."""
    assert result(dev) == {"samples": 1_000_000, "pi": pytest.approx(3.14, abs=0.01)}
    before = identity(dev, "paper")
    dev.lab["projects"]["paper"]["run"]["generation"] += 1
    dev.write(dev.lab)
    assert {key.split()[1] for key in dev.up().changed} == {"dev-paper"}
    assert identity(dev, "paper") != before
    assert result(dev)["samples"] == 1_000_000


def result(dev: Bench) -> dict[str, Any]:
    """What the paper's run wrote, once it has ended well."""
    until(lambda: dev.inspect("paper")["State"]["Status"] == "exited", "the paper's run ends")
    assert dev.inspect("paper")["State"]["ExitCode"] == 0
    mount = {"dev-paper-results": {"bind": "/results", "mode": "ro"}}
    image = dev.deployment.box.base_reference
    text = dev.docker.containers.run(image, ["cat", "/results/result.json"], volumes=mount, remove=True)
    return dict(json.loads(text))


def test_a_deadline_ends_all_tries(bench: Bench, lab: dict[str, Any]) -> None:
    """A run that is past its deadline ends with 124, and its retries add no time."""
    run = {"command": ["sleep", "600"], "retries": 2, "deadline": "2s"}
    lab["projects"] = {"long": {"owner": "anna", "environment": lab["projects"]["web"]["environment"], "run": run}}
    bench.write(lab)
    bench.up()
    until(lambda: bench.inspect("long")["State"]["Status"] == "exited", "the deadline ends it", within=30)
    found = bench.inspect("long")
    assert (found["State"]["ExitCode"], found["RestartCount"]) == (124, 2)


def test_one_more_package_touches_its_project_only(dev: Bench) -> None:
    """Its image and container are new, its files are there; other containers are the same; a second `up` is empty."""
    dev.run("notebook", "sh", "-c", "echo kept > /home/lab/file")
    others = {name: identity(dev, name) for name in ("course", "course-data", "paper")}
    folder = dev.project / "projects/notebook"
    declared = (folder / "pyproject.toml").read_text()
    (folder / "pyproject.toml").write_text(declared.replace("dependencies = [\n", 'dependencies = [\n  "humanize",\n'))
    (folder / "uv.lock").unlink()
    lock_projects(dev.project / "projects")
    assert {key.split()[1] for key in dev.up().changed} == {"dev-notebook"}
    assert dev.run("notebook", "python", "-c", "import humanize; print(humanize.intcomma(1000))") == "1,000\n"
    assert dev.run("notebook", "cat", "/home/lab/file") == "kept\n"
    assert {name: identity(dev, name) for name in others} == others
    assert dev.up().changed == {}


def test_the_labs_network_keeps_neighbours_apart(dev: Bench) -> None:
    """It has the option that tests/sandbox/test_isolation.py shows to do so, where a daemon may filter."""
    assert dev.docker.networks.get("labform-dev").attrs["Options"] == NO_NEIGHBOURS


def test_up_refresh_and_up_change_nothing(dev: Bench) -> None:
    """The lab as it is declared is the lab as it runs."""
    dev.settled()


def test_the_labs_own_secrets_are_nowhere_in_clear(dev: Bench) -> None:
    """Registry password, lab secret and token stay out of previews, state, Docker's answers, logs and files."""
    password = dev.deployment.box.registry_password_file.read_text().strip()
    own = {
        "password": password,
        "login": f"labform:{password}",
        "lab secret": dev.deployment.pulumi("config", "get", "lab-secret", capture=True).stdout.strip(),
        "token": dev.output("tokens")["notebook"],
    }
    own["next token"] = service_token(own["lab secret"], "dev", "notebook", 2)
    edited = copy.deepcopy(dev.lab)
    edited["projects"]["notebook"]["service"]["token_generation"] = 2
    edited["projects"]["paper"]["run"]["generation"] += 1
    kept = dev.lab
    dev.write(edited)
    said = [(form, dev.preview(form).text) for form in ("--json", "--diff")]
    dev.write(kept)
    assert exposed(own, [*said, *visible(dev)]) == set()
    shown = dev.deployment.pulumi("stack", "export", "--show-secrets", capture=True).stdout
    assert ("token", "export") in exposed(own, [("export", shown)])


def test_a_projects_secret_is_in_clear_only_where_that_was_chosen(bench: Bench, lab: dict[str, Any]) -> None:
    """A secret file stands nowhere but in its container; a variable is in `docker inspect` too, as its form says."""
    secrets = {"file": "canary-of-a-file-5f1c", "env": "canary-of-a-variable-77b0"}
    lab["projects"]["web"]["secrets"] = {
        "BY_FILE": {"from": "by-file"},
        "BY_ENV": {"from": "by-env", "as": "env"},
    }
    bench.write(lab)
    bench.deployment.prepare()
    for form, value in secrets.items():
        bench.deployment.pulumi("config", "set", "--secret", f"by-{form}", capture=True, input=value)
    said = [(form, bench.preview(form).text) for form in ("--json", "--diff")]
    said.append(("up", bench.engine("up", "--yes", "--diff").text))
    assert bench.run("web", "cat", "/run/secrets/BY_FILE") == secrets["file"]
    assert bench.run("web", "printenv", "BY_ENV") == f"{secrets['env']}\n"
    chosen = {("env", f"docker inspect {bench.name}-web")}
    assert exposed(secrets, [*said, *visible(bench)]) == chosen
    bench.settled()
    assert exposed(secrets, visible(bench)) == chosen


@pytest.mark.skipif(not CHROMIUM, reason="no chromium is installed to open the page with")
def test_jupyterlab_opens_in_a_browser(jupyter: JupyterClient, tmp_path: Any) -> None:
    """With the token its launcher appears; without it, a page that asks for the token."""
    assert "jp-Launcher" in page(f"{jupyter.url}/lab?token={jupyter.token}", tmp_path / "invited")
    refused = page(f"{jupyter.url}/lab", tmp_path / "stranger")
    assert "jp-Launcher" not in refused
    assert 'name="password"' in refused


def page(url: str, profile: Any) -> str:
    """A page's document after its scripts have run."""
    quiet = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    quiet += ["--disable-component-update", "--disable-sync", f"--user-data-dir={profile}"]
    command = [str(CHROMIUM), "--headless", "--no-sandbox", *quiet, "--virtual-time-budget=20000", "--dump-dom", url]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout
