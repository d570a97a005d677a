"""Logins for package indexes: where a recipe uses them, and that it is the same recipe without."""

from dataclasses import replace
from pathlib import Path

import pytest
from labform.environments import Recipe, RecipeError
from labform.environments.recipe import PLATFORM

from tests.environments import golden

MOUNT = "--mount=type=secret,id=netrc,required=true"
PACKAGES = [name for name in golden.CASES if name.partition("-")[0] in {"uv", "pip", "conda", "pixi"}]


def recipe(case: str, *secrets: str) -> Recipe:
    """The recipe of a case, by a builder that has these secrets."""
    folder = golden.FOLDER / case
    return golden.environment(folder).recipe(replace(golden.site(folder), secrets=frozenset(secrets)))


def steps(text: str) -> list[str]:
    """The RUN instructions of a Dockerfile, each on one line."""
    return [line for line in text.replace("\\\n", " ").splitlines() if line.startswith("RUN ")]


@pytest.mark.parametrize("case", PACKAGES)
def test_every_installation_has_the_logins(case: str) -> None:
    """Each step that asks an index mounts the secret and says where it is; no other step does."""
    found = steps(recipe(case, "netrc").dockerfile)
    words = ("/opt/tools/bin/pip install", "install_layer.py install", "install_conda.py")
    asking = [one for one in found if any(word in one for word in words)]
    assert asking
    for one in found:
        assert (MOUNT in one, "export NETRC=/run/secrets/netrc && " in one) == (one in asking, one in asking), one


@pytest.mark.parametrize("case", PACKAGES)
def test_other_secrets_change_no_recipe(case: str) -> None:
    """Only the logins are a part of it, as an instruction: their value is none."""
    plain = recipe(case)
    assert recipe(case, "token").hash == plain.hash != recipe(case, "netrc").hash
    assert "secret" not in plain.dockerfile


@pytest.mark.parametrize("case", PACKAGES)
def test_packages_are_for_one_platform(case: str) -> None:
    """What is chosen by a lock or a solver for linux/amd64 is not built for another."""
    made = recipe(case)
    assert made.built_for((PLATFORM,)).hash == made.hash
    with pytest.raises(RecipeError, match=r"builder\.platforms asks for linux/amd64, linux/arm64, and "):
        made.built_for((PLATFORM, "linux/arm64"))


def test_an_index_that_wants_a_login_gets_it(tmp_path: Path) -> None:
    """`authenticate = "always"` is refused where the builder has no logins, and only there."""
    case = Path(__file__).parents[1] / "bad" / "uv" / "index-login"
    made = golden.declare(kind="uv", directory=str(case))
    site = replace(golden.site(case), root=case)
    with pytest.raises(RecipeError, match="index-login"):
        made.recipe(site)
    assert MOUNT in made.recipe(replace(site, secrets=frozenset({"netrc"}))).dockerfile


def test_a_dockerfile_mounts_what_the_builder_has(tmp_path: Path) -> None:
    """Each secret that it mounts by id, or by target, is named by the builder or said to be needless."""
    text = "FROM a:1\nRUN --mount=type=secret,id=one --mount=type=secret,target=/root/two true\n"
    golden.write(tmp_path, {"Dockerfile": text + "RUN --mount=type=secret,id=three,required=false true\n"})
    made = golden.declare(kind="dockerfile", directory=".")
    with pytest.raises(RecipeError) as refused:
        made.recipe(golden.site(tmp_path))
    assert [one.partition('"')[2].partition('"')[0] for one in golden.refused(refused.value)] == ["one", "two"]
    made.recipe(replace(golden.site(tmp_path), secrets=frozenset({"one", "two"})))


def test_another_platform_is_another_recipe() -> None:
    """Whoever builds for two gets another hash, and so another tag."""
    made = Recipe("FROM a\n")
    assert made.built_for((PLATFORM,)).hash == made.hash
    assert made.built_for((PLATFORM, "linux/arm64")).hash != made.hash
