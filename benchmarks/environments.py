"""What one more package costs, as ratios measured side by side in one run on a private daemon and registry.

    python -m benchmarks.environments [ROUNDS]

A project with JupyterLab, Matplotlib and scikit-learn is built from nothing (no layer, no downloaded wheel) and pushed;
then one package is added to it, and it is built and pushed again. Beside it, in turns, the same project as one layer,
as a hand-written Dockerfile has it (`uv sync` with a cache mount and byte code). Then a second project on the same base
is pushed, and it is counted what is read to see that nothing has changed while 2 GiB of data lie in the folder.
Seconds are the median of the rounds; bytes are what the registry keeps more than before.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import monotonic

from labform.environments import Recipe, Site, Uv
from labform.image import stage

import sandbox

NOTEBOOK = ("jupyterlab>=4.4", "matplotlib>=3.10", "scikit-learn>=1.7")
SECOND = ("pandas>=2", "matplotlib>=3.10")
MORE = "humanize"
DATA = 2 * 1024**3
UV = Path(sys.executable).with_name("uv")
ONE_LAYER = """\
FROM {base} AS tools
RUN python3 -m venv /opt/tools && /opt/tools/bin/pip install --no-cache-dir uv==0.13.8
FROM {base}
RUN --mount=type=cache,target=/root/.cache/uv --mount=type=bind,from=tools,source=/opt/tools,target=/opt/tools \\
    --mount=type=bind,source=project,target=/tmp/project umask 000 && cd /tmp/project && python3 -m venv /opt/env \\
    && UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 UV_PROJECT_ENVIRONMENT=/opt/env \\
    /opt/tools/bin/uv sync --locked --inexact --no-install-project
"""


@dataclass(frozen=True)
class Cost:
    """What a build and a push took."""

    build: float
    push: float
    pushed: int
    """Bytes that the registry keeps more than before."""

    @property
    def seconds(self) -> float:
        """Both together."""
        return self.build + self.push


class Bench:
    """A daemon and a registry, and a folder for projects."""

    def __init__(self, root: Path) -> None:
        """Start them."""
        self.box = sandbox.start(root / "box", name=f"bench-{os.getpid()}")
        self.root, self.blobs = root, root / "box" / "registry" / "blobs"

    def docker(self, *words: str) -> str:
        """What a Docker command prints; subprocess.CalledProcessError if it fails."""
        env = {**os.environ, **self.box.env, "DOCKER_BUILDKIT": "1"}
        done = subprocess.run([str(self.box.docker_cli), *words], env=env, text=True, capture_output=True, check=False)
        if done.returncode:
            raise SystemExit(done.stderr)
        return done.stdout

    def cost(self, context: Path, repository: str) -> Cost:
        """Build a context and push it."""
        tag = f"{self.box.registry_address}/{repository}:{context.name}"
        start, before = monotonic(), self.kept()
        self.docker("build", "--network", "host", "--tag", tag, str(context))
        built = monotonic()
        self.docker("push", "--quiet", tag)
        return Cost(built - start, monotonic() - built, self.kept() - before)

    def kept(self) -> int:
        """The bytes of the registry's blobs."""
        return sum(path.stat().st_size for path in self.blobs.rglob("data") if path.is_file())

    def project(self, name: str, *dependencies: str) -> Path:
        """A locked uv project."""
        folder = self.root / name
        folder.mkdir(exist_ok=True)
        listed = ", ".join(f'"{one}"' for one in dependencies)
        head = f'[project]\nname = "{name}"\nversion = "1"\nrequires-python = ">=3.11"\n'
        (folder / "pyproject.toml").write_text(f"{head}dependencies = [{listed}]\n")
        subprocess.run([UV, "lock", "--quiet"], cwd=folder, check=True)
        return folder

    def recipe(self, folder: Path) -> Recipe:
        """What labform makes of a project."""
        site = Site.alone(folder=folder.parent, base="base", pin={"base": self.box.base_reference})
        return Uv(kind="uv", directory=folder.name).recipe(site)

    def layered(self, folder: Path) -> Path:
        """The context of labform's image."""
        recipe = self.recipe(folder)
        return stage(recipe, self.root / "contexts" / recipe.hash)

    def whole(self, folder: Path) -> Path:
        """The context of the image with one layer."""
        context = self.root / "contexts" / folder.name
        (context / "project").mkdir(parents=True, exist_ok=True)
        for name in ("pyproject.toml", "uv.lock"):
            shutil.copy(folder / name, context / "project")
        (context / "Dockerfile").write_text(ONE_LAYER.format(base=self.box.base_reference))
        return context


@contextmanager
def started(root: Path) -> Iterator[Bench]:
    """A daemon and a registry that know nothing yet, and nothing of them afterwards."""
    try:
        yield Bench(root)
    finally:
        sandbox.remove(root / "box")


def costs(root: Path, kind: str) -> tuple[Cost, Cost]:
    """Fresh and with one package more, as layers or as one."""
    with started(root) as bench:
        projects = bench.project("notebook", *NOTEBOOK), bench.project("more", *NOTEBOOK, MORE)
        contexts = [bench.layered(one) if kind == "layers" else bench.whole(one) for one in projects]
        return bench.cost(contexts[0], "notebook"), bench.cost(contexts[1], "notebook")


def read_by(folder: Path) -> int:
    """The bytes that a process of its own reads from files to make the recipe, its own modules aside."""
    code = (
        "import sys; from pathlib import Path; from labform.environments import Site, Uv\n"
        "def read(): return int(Path('/proc/self/io').read_text().split()[1])\n"
        "folder = Path(sys.argv[1]); site = Site.alone(folder=folder.parent, base='b', pin={'b': 'b'})\n"
        "before = read(); Uv(kind='uv', directory=folder.name).recipe(site).hash; print(read() - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(folder)], check=True, capture_output=True, text=True)
    return int(done.stdout)


def report(rounds: list[dict[str, tuple[Cost, Cost]]], second: tuple[int, int], read: tuple[int, int]) -> None:
    """Print the ratios, and the figures that they are of."""

    def middle(kind: str, place: int, what: str) -> float:
        return median(getattr(one[kind][place], what) for one in rounds)

    for kind in ("layers", "one layer"):
        fresh, more = (
            {key: middle(kind, place, key) for key in ("build", "push", "seconds", "pushed")} for place in (0, 1)
        )
        print(f"{kind}:")
        for key, unit, scale in (("build", "s", 1), ("push", "s", 1), ("seconds", "s", 1), ("pushed", "MB", 1e6)):
            ratio = more[key] / fresh[key]
            amounts = f"fresh {fresh[key] / scale:8.2f} {unit}  one more {more[key] / scale:8.2f} {unit}"
            print(f"  {key:8} {amounts}  {ratio:.3f}")
    ratio = middle("layers", 0, "seconds") / middle("one layer", 0, "seconds")
    print(f"fresh, layers / one layer: {ratio:.2f} of the seconds")
    pushed, whole = (one / 1e6 for one in second)
    print(f"second project on the same base: {pushed:.2f} MB pushed of {whole:.2f} MB: {pushed / whole:.3f}")
    print(f"read to see that nothing changed: {read[0]} bytes, with 2 GiB of data {read[1]}: {read[1] / read[0]:.3f}")


def second_project(root: Path) -> tuple[int, int]:
    """Bytes pushed for another project after the first, and what it has in all."""
    with started(root) as bench:
        bench.cost(bench.layered(bench.project("notebook", *NOTEBOOK)), "notebook")
        context = bench.layered(bench.project("second", *SECOND))
        cost = bench.cost(context, "second")
        manifest = bench.blobs / "docker/registry/v2/repositories/second/_layers/sha256"
        sizes = [
            bench.blobs / "docker/registry/v2/blobs/sha256" / one.name[:2] / one.name for one in manifest.iterdir()
        ]
        return cost.pushed, sum((one / "data").stat().st_size for one in sizes)


def data_beside(root: Path) -> tuple[int, int]:
    """Bytes read without and with 2 GiB of data in the project's folder."""
    folder = root / "notebook"
    before = read_by(folder)
    with (folder / "data.bin").open("wb") as data:
        data.truncate(DATA)
    return before, read_by(folder)


def main() -> None:
    """Run all and print it."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    root = Path(tempfile.mkdtemp(prefix="labform-bench-"))
    try:
        kinds = ("layers", "one layer")
        turns = [kinds if number % 2 == 0 else kinds[::-1] for number in range(rounds)]
        measured = [{kind: costs(root, kind) for kind in turn} for turn in turns]
        report(measured, second_project(root), data_beside(root))
    finally:
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
