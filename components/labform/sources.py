"""Environments in Git repositories: a branch is turned into a commit, a commit is fetched once and kept by its hash.

Only `labform lock` and `labform fetch` talk to a repository. What they run is told to trust nothing that a repository
or a machine's settings say: no hooks, no filters, no submodules, https and ssh alone, no question on the terminal.
Who may read is known to git: its credential helper, or ssh's agent.
"""

import os
import re
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from labform.environments import Site
from labform.environments.folder import Folder
from labform.environments.recipe import RecipeError
from labform.git import git
from labform.lockfile import Lock
from labform.problems import LabformError, Problem
from labform.stack_file import LabArgs

_COMMIT = re.compile(r"[0-9a-f]{40}")
_TIMEOUT = 300
"""Seconds after which a repository is given up; a choice of ours."""
_SAFE = (
    *("-c", "protocol.allow=never", "-c", "protocol.https.allow=always", "-c", "protocol.ssh.allow=always"),
    *("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "transfer.fsckObjects=true"),
    *("-c", "submodule.recurse=false", "-c", "http.followRedirects=initial", "-c", "gc.auto=0"),
)
_ALONE = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_ATTR_NOSYSTEM": "1"}
"""Files are laid out without the settings of user and machine, which could define filters or line ends."""
_LFS = b"version https://git-lfs.github.com/spec/"
"""The first words of a file that Git LFS keeps elsewhere: git-lfs, docs/spec.md."""


def key(environment: Folder) -> str:
    """The name that an environment's branch or tag has in the lock."""
    return f"{environment.git}#{environment.commit}"


def commit_of(environment: Folder, lock: Lock) -> str | None:
    """The commit of an environment in a repository: what it names, or what the lock holds for its branch or tag."""
    named = str(environment.commit)
    return named if _COMMIT.fullmatch(named) else lock.sources.get(key(environment))


def with_git(environments: Iterable[Any]) -> list[Folder]:
    """Those of some environments whose folder is in a repository."""
    return [one for one in environments if isinstance(one, Folder) and one.git is not None]


def in_repositories(lab: LabArgs) -> list[Folder]:
    """The environments of running projects and of bases whose folder is in a repository."""
    built = [base.environment for base in lab.bases.values()]
    return with_git([*built, *(project.environment for project in lab.running().values())])


def named_refs(lab: LabArgs) -> dict[str, Folder]:
    """The environments whose branch or tag has to be in the lock, by the name it has there."""
    return {key(one): one for one in in_repositories(lab) if not _COMMIT.fullmatch(str(one.commit))}


def asleep_refs(lab: LabArgs, lock: Lock) -> dict[str, str]:
    """The locked commits that only retired projects need: who comes back gets the environment that he left."""
    names = {key(one) for one in with_git(project.environment for project in lab.projects.values())}
    return {name: lock.sources[name] for name in names - {*named_refs(lab)} if name in lock.sources}


def site_of(environment: Any, site: Site, lock: Lock, command: str) -> Site:
    """The site of an environment: for one in a repository, its commit's files, which must have been fetched."""
    if isinstance(environment, Folder) and environment.git is not None:
        one, commit = environment, commit_of(environment, lock)
        if commit is None:
            message = f'no commit is locked for "{one.commit}" of {one.git}'
            raise RecipeError([Problem(("commit",), "stale-lock", message, f"run `{command}`")])
        folder = cache() / commit
        if not folder.is_dir():
            message = f"commit {commit[:12]} of {one.git} was not fetched on this machine"
            raise RecipeError(
                [Problem(("git",), "not-fetched", message, f"run `{command.replace(' lock ', ' fetch ', 1)}`")]
            )
        return replace(site, folder=folder, root=folder)
    return site


def cache() -> Path:
    """Where fetched commits are kept, each in a folder of its hash; the place decides nothing."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "labform" / "sources"


def resolve(environment: Folder) -> str:
    """The commit that an environment's branch or tag stands for now; LabformError if there is none, or two."""
    url, named = str(environment.git), str(environment.commit)
    if _COMMIT.fullmatch(named):
        return named
    refs = [f"refs/heads/{named}", f"refs/tags/{named}"]
    lines = _git(["ls-remote", "--", url, *refs, f"{refs[1]}^{{}}"], url).splitlines()
    found = {ref: commit for commit, _, ref in (line.partition("\t") for line in lines)}
    if all(ref in found for ref in refs):
        raise LabformError(f"error[git] {url} has a branch and a tag {named}; write the commit")
    for ref in (f"{refs[1]}^{{}}", *refs):
        if ref in found:
            return found[ref]
    short = re.fullmatch(r"[0-9a-f]{4,39}", named)
    hint = "a commit is written with all its 40 digits" if short else "no branch and no tag has this name"
    raise LabformError(f'error[git] {url} has no "{named}"; {hint}')


def fetch(environment: Folder, commit: str) -> Path:
    """The files of a commit, fetched if they are not there yet; LabformError if they cannot be had in full."""
    place, url = cache() / commit, str(environment.git)
    if place.is_dir():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".new-") as beside:
        repository, files = Path(beside) / "git", Path(beside) / "files"
        files.mkdir()
        _git(["init", "--quiet", "--bare", "--template=", str(repository)], url)
        _download(repository, url, commit)
        _git(
            [
                "--git-dir",
                str(repository),
                "--work-tree",
                str(files),
                "checkout",
                "--quiet",
                "--force",
                commit,
                "--",
                ".",
            ],
            url,
            **_ALONE,
        )
        _check_whole(files, url)
        _read_only(files)
        try:
            files.rename(place)
        except OSError:
            # Another run was first; a commit's files are the same.
            if not place.is_dir():
                raise
    return place


def _download(repository: Path, url: str, commit: str) -> None:
    command = ["--git-dir", str(repository), "fetch", "--quiet", "--no-recurse-submodules", "--no-tags"]
    try:
        _git([*command, "--depth", "1", "--", url, commit], url)
    except LabformError:
        # A server may refuse to hand out a commit by its hash alone: then it is in what its branches and tags hold.
        _git([*command, "--", url, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"], url)
    if git("--git-dir", repository, "cat-file", "-e", f"{commit}^{{commit}}").returncode:
        raise LabformError(f"error[git] {url} has no commit {commit}")


def _check_whole(files: Path, url: str) -> None:
    """Refuse what git leaves out: the content of submodules and of large files that are kept elsewhere."""
    if (files / ".gitmodules").exists():
        raise LabformError(
            f"error[git] {url} has submodules, which are not fetched; name the repository that is needed"
        )
    for path in sorted(files.rglob("*")):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                if file.read(len(_LFS)) == _LFS:
                    name = path.relative_to(files)
                    raise LabformError(f"error[git] {url}: {name} is kept by Git LFS, which is not fetched")


def _read_only(files: Path) -> None:
    for path in files.rglob("*"):
        if path.is_file() and not path.is_symlink():
            path.chmod(path.stat().st_mode & 0o555)


def _git(words: list[str], url: str, **env: str) -> str:
    try:
        done = git(*_SAFE, *words, timeout=_TIMEOUT, GIT_LFS_SKIP_SMUDGE="1", **env)
    except subprocess.TimeoutExpired:
        raise LabformError(f"error[git] {url} did not answer in {_TIMEOUT} seconds") from None
    if done.returncode:
        said = done.stderr.strip().splitlines()
        last = next(
            (line for line in reversed(said) if line.startswith(("fatal:", "error:", "remote:"))), "no reason given"
        )
        raise LabformError(f"error[git] {url}: {re.sub(r'://[^/ ]*@', '://…@', last)}")
    return done.stdout
