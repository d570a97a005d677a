"""Which locks of conda packages are older than what they were made from: names and versions, without a solver."""

from pathlib import Path

import pytest
from labform.environments import RecipeError

from tests.environments.golden import declare, refused, site, write

HASH = "a" * 64
URL = "https://conda.example.org/f/linux-64"
WHEEL = "https://pypi.example.org/six-1.16.0-py2.py3-none-any.whl"
CONDA_LOCK = f"""\
version: 1
metadata: {{platforms: [linux-64]}}
package:
- {{name: numpy, manager: conda, platform: linux-64, url: '{URL}/numpy-1.26.4-py312_0.conda', hash: {{sha256: {HASH}}}}}
- {{name: six, manager: conda, platform: linux-64, url: '{URL}/six-1.17.0-0.conda', hash: {{sha256: {HASH}}}}}
- {{name: six, manager: pip, platform: linux-64, url: '{WHEEL}', hash: {{sha256: {HASH}}}}}
"""
EXPLICIT = f"@EXPLICIT\n{URL}/numpy-1.26.4-py312_0.conda#{HASH}\n"


def conda(folder: Path, text: str, lock: str = "conda-lock.yml", *, name: str = "environment.yml") -> dict[str, Path]:
    """The files that a conda environment is declared by."""
    write(folder, {name: text, lock: CONDA_LOCK if lock == "conda-lock.yml" else EXPLICIT})
    return dict(declare(kind="conda", directory=".").recipe(site(folder)).declared)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[numpy=2.1]", "numpy=2.1, and there is 1.26.4"),
        ("['c::numpy >=2']", "c::numpy >=2, and there is 1.26.4"),
        ("[numpy, six=1.16]", "six=1.16, and there is 1.17.0"),
        ("[numpy, pip: ['six>=1.17']]", "six>=1.17, and there is 1.16.0"),
        ("[numpy, pip: [attrs]]", "attrs, which conda-lock.yml lacks"),
    ],
)
@pytest.mark.parametrize("name", ["environment.yml", "environment.yaml"])
def test_an_edit_after_conda_lock_is_seen(text: str, said: str, name: str, tmp_path: Path) -> None:
    """Of a name or of a version, conda's or pip's."""
    with pytest.raises(RecipeError) as error:
        conda(tmp_path, f"dependencies: {text}\n", name=name)
    (line,) = refused(error.value)
    assert line.startswith(f"error[stale-conda-lock] file: {name} asks for {said}")


@pytest.mark.parametrize(
    "text",
    [
        "[numpy]",
        "[numpy=1.26, six=1.17, pip: [six==1.16]]",
        "['numpy>=1.2,<2', 'numpy=1.26=py312_0', 'numpy 1.26.*', \"numpy[version='>=2']\"]",
        "[numpy, pip: [\"pywin32; sys_platform == 'win32'\", 'git+https://example.org/a.git']]",
        "\n- numpy\n- pywin32  # [win]",
        "  # [what conda gives]\n- numpy\n- pip:  # [and pip]\n  - six==1.16",
    ],
)
def test_what_was_not_edited_is_fresh(text: str, tmp_path: Path) -> None:
    """Nor is a word that is for another system, or that only a solver understands."""
    assert list(conda(tmp_path, f"dependencies: {text}\n")) == ["conda-lock.yml", "environment.yml"]


def test_an_explicit_list_is_compared_too(tmp_path: Path) -> None:
    """But for what pip installs, which no such list has."""
    lock = "conda-linux-64.lock"
    assert list(conda(tmp_path, "dependencies: [numpy, pip: [six]]\n", lock)) == [lock, "environment.yml"]
    with pytest.raises(RecipeError, match=r"asks for pandas, which conda-linux-64.lock lacks; .* --kind explicit"):
        conda(tmp_path, "dependencies: [numpy, pandas]\n", lock)


PIXI_LOCK = f"""\
version: 6
environments:
  default:
    packages: {{linux-64: [{{conda: '{URL}/numpy-1.26.4-py312_0.conda'}}, {{pypi: '{WHEEL}'}}]}}
packages:
- {{conda: '{URL}/numpy-1.26.4-py312_0.conda', sha256: {HASH}}}
- {{pypi: '{WHEEL}', name: six, sha256: {HASH}}}
"""
OTHER = "and there is"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("pixi.toml", "[dependencies]\nnumpy = '2.1.*'\n", f"numpy 2.1.*, {OTHER} 1.26.4"),
        ("pixi.toml", "[dependencies]\nnumpy = {version = '>=2', channel = 'c'}\n", f"numpy >=2, {OTHER} 1.26.4"),
        ("pixi.toml", "[pypi-dependencies]\nSix = '>=1.17'\n", f"Six >=1.17, {OTHER} 1.16.0"),
        ("pixi.toml", "[dependencies]\nnumpy = '1.*'\n[target.linux-64.dependencies]\nnumpy = '2.*'\n",
         f"numpy 2.*, {OTHER} 1.26.4"),
        ("pyproject.toml", "[project]\ndependencies = ['six>=1.17']\n[tool.pixi]\n", f"six >=1.17, {OTHER} 1.16.0"),
    ],
)  # fmt: skip
def test_an_edit_after_pixi_lock_is_seen(name: str, text: str, said: str, tmp_path: Path) -> None:
    """Of a version as of a name."""
    write(tmp_path, {name: text, "pixi.lock": PIXI_LOCK})
    with pytest.raises(RecipeError) as error:
        declare(kind="pixi", directory=".").recipe(site(tmp_path))
    assert refused(error.value) == [
        f"error[stale-pixi-lock] directory: {name} asks for {said} in pixi.lock; run `pixi lock`"
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pixi.toml", "[project]\nname = 'a'\nversion = '9'\n[dependencies]\nnumpy = '*'\n"),
        ("pixi.toml", "[dependencies]\nnumpy = '2.*'\n[target.linux.dependencies]\nnumpy = '1.26.*'\n"),
        ("pixi.toml", "[pypi-dependencies]\nsix = '>=2'\n[pypi-options.dependency-overrides]\nsix = '<2'\n"),
        ("pixi.toml", "[pypi-dependencies]\nsix = {git = 'https://example.org/six.git'}\nnumpy = '>=2'\n"),
        ("pyproject.toml", "[project]\ndependencies = ['torch', 'numpy>=2', 'six']\n[tool.pixi.dependencies]\n"),
    ],
    ids=["versions", "platform", "overridden", "by conda", "the project's by conda"],
)
def test_what_pixi_has_just_locked_is_fresh(name: str, text: str, tmp_path: Path) -> None:
    """A package of conda may stand for one of PyPI, under another name: only pixi can tell."""
    write(tmp_path, {name: text, "pixi.lock": PIXI_LOCK})
    declare(kind="pixi", directory=".").recipe(site(tmp_path))
