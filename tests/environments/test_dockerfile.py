"""Dockerfile environments: the project's own Dockerfile with its images pinned, and its folder as the context."""

import os
from pathlib import Path

import pytest
from labform.environments import RecipeError
from labform.environments.dockerfile_text import parse

from tests.environments.golden import FOLDER, declare, pinned, recipe, refused, site, write


def images(text: str, folder: Path, **declared: object) -> list[str]:
    """The images that a Dockerfile names."""
    write(folder, {"Dockerfile": text})
    return list(declare(kind="dockerfile", directory=".", **declared).images(site(folder)))


def names(folder: Path, **declared: object) -> list[str]:
    """The names of a context's files."""
    return [one.name for one in declare(kind="dockerfile", directory=".", **declared).recipe(site(folder)).files]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("FROM a:1\n", ["a:1"]),
        ("from a:1 as b\nfrom b\n", ["a:1"]),
        ("FROM --platform=linux/amd64 a:1\n", ["a:1"]),
        ("FROM scratch\nCOPY --from=a:1 / /\n", ["a:1"]),
        ("FROM a:1\nCOPY --from=0 / /\nCOPY --chown=1:1 --from=b:2 --link / /\n", ["a:1", "b:2"]),
        ("FROM a:1\nRUN --mount=type=bind,from=b:2,target=/b --mount=from=c:3,target=/c true\n", ["a:1", "b:2", "c:3"]),
        ("FROM a:1\nRUN --mount=type=cache,target=/from=b:2 true\n", ["a:1"]),
        ("FROM a:1\nRUN echo --from=b:2\n", ["a:1"]),
        ("ARG V=1\nFROM a:$V\n", ["a:1"]),
        ("ARG V='1'\nFROM a:${V}-slim AS x\nFROM x\n", ["a:1-slim"]),
        ("FROM a:${V:-7}\n", ["a:7"]),
        ("FROM a:1\nARG V=2\nFROM b:${V:-3}\n", ["a:1", "b:3"]),
        ("# syntax=docker/dockerfile:1\n# FROM z:9\nFROM a:1\n", ["a:1", "docker/dockerfile:1"]),
        ("FROM \\\n  a:1\n", ["a:1"]),
        ("\ufeffFROM a:1\r\nRUN true\r\n", ["a:1"]),
        ("ARG V\nFROM a:${V-7}\n", ["a:7"]),
        ("ARG TARGETARCH\nFROM a:1 AS base-amd64\nFROM base-${TARGETARCH}\n", ["a:1"]),
        ("FROM \\\n# a:1 has what we need\n  a:1\n", ["a:1"]),
    ],
)
def test_images_are_found_where_a_build_would_pull_them(text: str, found: list[str], tmp_path: Path) -> None:
    """Each FROM and `from=` that is no stage has to be in the lock, with ARGs filled in as the builder does."""
    assert images(text, tmp_path) == found
    made = declare(kind="dockerfile", directory=".").recipe(site(tmp_path))
    uncommented = "".join(line for line in made.dockerfile.splitlines() if not line.startswith("# a"))
    assert all(pinned(image) in uncommented for image in found)


@pytest.mark.timeout(5)
@pytest.mark.parametrize(
    ("text", "root", "user"),
    [
        ("FROM node AS node\nRUN true\n", "node", None),
        ("FROM a AS b\nUSER 7\nFROM b AS a\nFROM a AS b\n", "a", "7"),
        ("FROM a AS x\nUSER 1\nFROM b AS y\n", "b", None),
    ],
)
def test_a_stage_stands_on_those_before_it(text: str, root: str, user: str | None) -> None:
    """Also where it is called as the image that it starts from, which is no circle."""
    parsed = parse(text, "Dockerfile")
    assert (parsed.root(), parsed.user()) == (root, user)


def test_a_value_that_the_dockerfile_does_not_take_is_noted(tmp_path: Path) -> None:
    """A spelling mistake under args; what a stage takes, and what every build takes, is none."""
    write(tmp_path, {"Dockerfile": "ARG VERSION=1\nFROM a:$VERSION\nARG UID\n"})
    args = {"VERSON": "2", "UID": "7", "VERSION": "3", "HTTP_PROXY": "http://proxy.example.org", "TARGETARCH": "amd64"}
    made = declare(kind="dockerfile", directory=".", args=args).recipe(site(tmp_path))
    hint = 'did you mean "VERSION"?'
    assert list(map(str, made.notes)) == [f"error[unused-arg] args.VERSON: Dockerfile has no ARG VERSON; {hint}"]


def test_a_given_argument_names_another_image(tmp_path: Path) -> None:
    """`args` win over the default of an ARG, in the image's name and in the recipe's hash."""
    text = "ARG V=1\nFROM a:$V\n"
    assert images(text, tmp_path, args={"V": "2"}) == ["a:2"]
    hashes = {
        declare(kind="dockerfile", directory=".", args=args).recipe(site(tmp_path)).hash
        for args in ({}, {"V": "2"}, {"V": "1", "W": "1"})
    }
    assert len(hashes) == 3


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", ["error[dockerfile] dockerfile: Dockerfile has no FROM"]),
        ("# only this\n", ["error[dockerfile] dockerfile: Dockerfile has no FROM"]),
        (
            "FORM a\nFROM a\nCPOY b c\n",
            [
                'error[dockerfile] dockerfile: Dockerfile:1: unknown instruction FORM; did you mean "FROM"?',
                'error[dockerfile] dockerfile: Dockerfile:3: unknown instruction CPOY; did you mean "COPY"?',
            ],
        ),
        ("FROM $A\n", ["error[no-value] args: Dockerfile:1: $A has no value; add it to args"]),
    ],
)
def test_a_dockerfile_that_no_builder_reads_is_refused_with_its_lines(
    text: str, lines: list[str], tmp_path: Path
) -> None:
    """Every wrong instruction is named with its line, in one run."""
    with pytest.raises(RecipeError) as error:
        images(text, tmp_path)
    assert refused(error.value) == lines


def test_a_stage_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """An unknown target would be pulled as an image of that name."""
    with pytest.raises(RecipeError, match='target: no stage "ap" in Dockerfile; allowed: application'):
        images("FROM a:1 AS application\n", tmp_path, target="ap")


def test_the_context_is_what_dockerignore_leaves() -> None:
    """Exceptions hold; .dockerignore itself is sent, as Docker does, and the Dockerfile comes from the recipe."""
    sent = [one.name for one in recipe(FOLDER / "dockerfile-plain").files]
    assert sent == [".dockerignore", "keep.pdf", "reproduce.py"]


def test_what_is_ignored_changes_nothing(tmp_path: Path) -> None:
    """Two GiB and a pipe below an ignored folder are not read."""
    write(tmp_path, {"Dockerfile": "FROM a:1\n", ".dockerignore": "data\n", "data/small": ""})
    before = declare(kind="dockerfile", directory=".").recipe(site(tmp_path)).hash
    with (tmp_path / "data" / "large").open("wb") as large:
        large.truncate(2 * 1024**3)
    os.mkfifo(tmp_path / "data" / "pipe")
    assert declare(kind="dockerfile", directory=".").recipe(site(tmp_path)).hash == before


def test_more_than_may_be_sent_is_refused_by_its_size_alone(tmp_path: Path) -> None:
    """The largest file is named; it is not read for that."""
    write(tmp_path, {"Dockerfile": "FROM a:1\n", "small": ""})
    with (tmp_path / "checkpoint").open("wb") as large:
        large.truncate(2 * 1024**3)
    with pytest.raises(RecipeError) as error:
        names(tmp_path)
    message = "the build context has 2048 MiB, limit 512Mi; largest: checkpoint"
    hint = "add it to .dockerignore or raise context_limit"
    assert refused(error.value) == [f"error[context-too-large] directory: {message}; {hint}"]


def test_keys_are_refused_with_the_line_for_dockerignore(tmp_path: Path) -> None:
    """A hint that is followed solves the fault: the whole path from the folder is named."""
    write(tmp_path, {"Dockerfile": "FROM a:1\n", "keys/id_rsa": "CANARY", ".env": "CANARY", ".git/config": ""})
    with pytest.raises(RecipeError) as error:
        names(tmp_path)
    hints = [line.rpartition("add ")[2].removesuffix(" to .dockerignore") for line in refused(error.value)]
    assert hints == [".env", ".git", "keys/id_rsa"]
    assert "CANARY" not in str(error.value)
    write(tmp_path, {".dockerignore": "\n".join(hints)})
    assert names(tmp_path) == [".dockerignore"]


def test_links_stay_links_within_the_lab(tmp_path: Path) -> None:
    """A link is sent as a link, as Docker does; one that leaves the lab is refused."""
    write(tmp_path, {"lab/Dockerfile": "FROM a:1\n", "lab/real": "", "secret": "CANARY"})
    (tmp_path / "lab" / "link").symlink_to("real")
    assert [
        (one.name, one.link) for one in declare(kind="dockerfile", directory=".").recipe(site(tmp_path / "lab")).files
    ] == [("link", "real"), ("real", None)]
    (tmp_path / "lab" / "out").symlink_to("../secret")
    with pytest.raises(RecipeError, match='link "out" points outside of the lab'):
        names(tmp_path / "lab")


def test_a_dockerfile_behind_a_link_out_of_the_lab_is_not_read(tmp_path: Path) -> None:
    """Its words, which a message could hold, stay where they are."""
    write(tmp_path, {"secret": "CANARY\n", "lab/file": ""})
    (tmp_path / "lab" / "Dockerfile").symlink_to("../secret")
    with pytest.raises(RecipeError) as error:
        names(tmp_path / "lab")
    assert refused(error.value) == ['error[path-escapes] dockerfile: "Dockerfile" leads out of the lab\'s folder']


def test_the_user_of_the_dockerfile_comes_back_after_the_last_layer(tmp_path: Path) -> None:
    """The last layer is root's; then the last USER of the final stage holds, else one that is nobody in particular."""
    for text, user in (
        ("FROM a:1\n", "1000:1000"),
        ("FROM a:1\nUSER x\nFROM a:1\n", "1000:1000"),
        ("FROM a:1\nUSER x\nUSER y\n", "y"),
    ):
        write(tmp_path, {"Dockerfile": text})
        made = declare(kind="dockerfile", directory=".").recipe(site(tmp_path)).dockerfile
        assert made.splitlines()[-1] == f"USER {user}"
