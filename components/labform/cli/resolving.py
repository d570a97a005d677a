"""What a lock has to ask the world for: commits of branches, digests of tags, versions of Debian packages."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from labform.backends.docker.daemon import connected, registry_digest
from labform.backends.docker.debian import debian_versions
from labform.bases import in_lock
from labform.cli.fetching import fetch_all
from labform.draft import Draft
from labform.environments.debian import AptNeed
from labform.loading import unused_apt
from labform.lockfile import LockedApt
from labform.problems import LabformError, Location, Problem, suggestion
from labform.project import ProjectArgs
from labform.recipes import Recipes, recipes_of
from labform.sources import asleep_refs, key, named_refs, resolve, with_git

_APT_TIMEOUT = 600
"""Seconds for an image to be pulled and its package lists to be read; a choice of ours."""


@dataclass(frozen=True)
class Entries:
    """Entries of a lock: nothing by default."""

    tags: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    apt: frozenset[str] = frozenset()
    """Names that the lock has for projects and built bases, in `apt` and in `builds`."""

    def __sub__(self, other: "Entries") -> "Entries":
        """Those that the other has not."""
        return Entries(self.tags - other.tags, self.sources - other.sources, self.apt - other.apt)


def upgraded(draft: Draft, projects: Collection[str], *, upgrade: bool) -> tuple[Entries, list[str]]:
    """What is asked anew although the lock has it, and a line for each entry that is kept for a pinned project.

    With `upgrade` it is what these projects need, or all do that run; LabformError for a name that is no such project.
    Commits that the lock has are fetched, since files say what a project needs.
    """
    if projects and not upgrade:
        command = f"{draft.lock_command} --upgrade {' '.join(projects)}"
        raise LabformError(f"{draft.path}: projects are named for --upgrade alone; write `{command}`")
    if not upgrade:
        return Entries(), []
    running = draft.lab.running()
    check_names("--upgrade", projects, running)
    pinned = {name: one for name, one in draft.lab.projects.items() if one.pinned}
    draft = _awake(draft, pinned)
    fetch_all(draft, gone_ok=True)
    made = recipes_of(draft)
    if unknown := {*pinned} & {*running} - {*made.recipes}:
        # What they need cannot be told, so it cannot be kept.
        draft.refuse(one for one in made.problems if one.location[0] == "bases" or one.location[1] in unknown)
    wanted, held = _entries(draft, made, projects or running), _entries(draft, made, pinned)
    return wanted - held, [*_kept(draft, wanted, {name: _entries(draft, made, [name]) for name in sorted(pinned)})]


def _awake(draft: Draft, projects: Mapping[str, ProjectArgs]) -> Draft:
    """The draft with these projects running, so that what they need is told for retired ones too."""
    awake = {name: one.model_copy(update={"state": "running"}) for name, one in projects.items()}
    return replace(draft, lab=draft.lab.model_copy(update={"projects": {**draft.lab.projects, **awake}}))


def _kept(draft: Draft, wanted: Entries, held: Mapping[str, Entries]) -> Iterator[str]:
    """A line for each wanted entry of the lock that pinned projects hold."""
    for section, locked in (("tags", draft.lock.images), ("sources", draft.lock.sources), ("apt", draft.lock.apt)):
        for entry in sorted(getattr(wanted, section) & {*locked}):
            if names := [name for name, one in held.items() if entry in getattr(one, section)]:
                yield f"{'apt of ' if section == 'apt' else ''}{entry}: kept, {', '.join(names)} is pinned"


def _entries(draft: Draft, made: Recipes, projects: Iterable[str]) -> Entries:
    """The entries of projects and of the built bases that they stand on."""
    entries = frozenset().union(*(made.entries_of(name) for name in projects))
    environments = [draft.lab.projects[name].environment for name in projects]
    environments += [draft.base(one)[0] for one in map(in_lock, entries) if one]
    tags = frozenset().union(*(made.tags.get(name, frozenset()) for name in projects))
    return Entries(tags, frozenset(map(key, with_git(environments))), entries)


def with_sources(draft: Draft, anew: Entries, *, ask: bool) -> Draft:
    """The draft with the commits of its repositories locked, and fetched."""
    wanted = named_refs(draft.lab)
    known = {name: one for name, one in draft.lock.sources.items() if name in wanted and name not in anew.sources}
    if ask:
        known |= {name: resolve(one) for name, one in wanted.items() if name not in known}
    known = dict(sorted({**known, **asleep_refs(draft.lab, draft.lock)}.items()))
    draft = replace(draft, lock=draft.lock.model_copy(update={"sources": known}))
    if ask:
        fetch_all(draft)
    return draft


def digests(draft: Draft, made: Recipes, given: Mapping[str, str], anew: Entries, *, ask: bool) -> dict[str, str]:
    """What each tag stands for: as it is given, as the lock has it, or as its registry says."""
    known = {tag: one for tag, one in draft.lock.images.items() if tag not in anew.tags} | dict(given)
    return {tag: known.get(tag) or _digest(draft, tag, ask=ask) for tag in made.images}


def _digest(draft: Draft, tag: str, *, ask: bool) -> str:
    if not ask:
        raise LabformError(f"{tag} is not in the lock, and no registry is asked; run `{draft.lock_command}`")
    with connected(*draft.lab.registry_daemon) as client:
        return registry_digest(client, tag)


def check_names(option: str, names: Iterable[str], running: Collection[str]) -> None:
    """Raise LabformError, with the one that was meant, for a name given to an option that is no running project's."""
    if unknown := sorted(set(names) - set(running)):
        raise LabformError(f'{option}: no running project "{unknown[0]}"; {suggestion(unknown[0], running)}')


def apt_versions(
    draft: Draft, made: Recipes, images: Mapping[str, str], anew: Entries, *, ask: bool
) -> dict[str, LockedApt]:
    """The versions of Debian packages: as the lock has them, or as the image's own package sources say.

    Raises ProblemsError with every package that they do not have.
    """
    known = {entry: _known(draft, made, entry) for entry in made.apt if entry not in anew.apt}
    missing: dict[str, set[str]] = {}
    for entry, need in made.apt.items():
        if lacking := need.packages - known.get(entry, {}).keys():
            missing.setdefault(need.image, set()).update(lacking)
    found = dict(_asked(draft, missing, images)) if ask else {}
    if missing and not ask:
        image, packages = next(iter(sorted(missing.items())))
        what = f"of {', '.join(sorted(packages))} in {image}"
        raise LabformError(f"no version {what} is in the lock, and no builder is asked; run `{draft.lock_command}`")
    locked = unused_apt(draft, made)
    every = {entry: {**found.get(need.image, {}), **known.get(entry, {})} for entry, need in made.apt.items()}
    draft.refuse(one for entry, versions in every.items() for one in _unknown(draft, entry, made.apt[entry], versions))
    for entry, need in made.apt.items():
        versions = every[entry]
        locked[entry] = LockedApt(image=need.image, packages={one: versions[one] for one in sorted(need.packages)})
    return dict(sorted(locked.items()))


def _unknown(draft: Draft, entry: str, need: AptNeed, versions: Mapping[str, str]) -> Iterator[Problem]:
    """The packages that an image's sources do not have, where the stack file names them."""
    base = in_lock(entry)
    environment = draft.base(base)[0] if base else draft.lab.projects[entry].environment
    for place, name in enumerate(environment.apt):
        if name in need.packages and name not in versions:
            at: Location = ("bases" if base else "projects", base or entry, "environment", "apt", place)
            hint = "correct the name, or write name=version if the image adds a source for it"
            yield Problem(at, "no-apt-package", f'the package sources of {need.image} have no "{name}"', hint)


def _known(draft: Draft, made: Recipes, entry: str) -> Mapping[str, str]:
    """What the lock has for an entry; nothing where it was asked of another image."""
    locked = draft.lock.apt.get(entry)
    return locked.packages if locked and locked.image == made.apt[entry].image else {}


def _asked(
    draft: Draft, missing: Mapping[str, Collection[str]], images: Mapping[str, str]
) -> Iterator[tuple[str, dict[str, str]]]:
    builder = draft.lab.builder
    network = "host" if builder.network == "host" else None
    for image, packages in sorted(missing.items()):
        with connected(*draft.lab.registry_daemon, timeout=_APT_TIMEOUT) as client:
            yield image, debian_versions(client, images.get(image, image), packages, network=network)
