"""Why a project changes, in the words of its stack file and of the files its image is made from."""

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from labform.declaration import size_text
from labform.environments import Recipe
from labform.environments.recipe import ContextFile
from labform.loading import StackFile
from labform.plan.page import scalar
from labform.problems import brief

_REQUIREMENT = re.compile(
    r"^\s*-?\s*([A-Za-z0-9][A-Za-z0-9._-]*(?:\[[A-Za-z0-9,._-]+\])?)\s*([=<>~!]=?[^\s;#'\"]*)?\s*(?:[;#].*)?$"
)
"""A line of a requirements or conda file that names a package and, maybe, its version: nothing else is repeated."""
_LARGEST = 4 * 1024**2
_PACKAGE_FILES = re.compile(r"(^|/)(requirements[^/]*|constraints[^/]*|apt)\.txt$|(^|/)environment\.ya?ml$")
_SHOWN = 8


def declared(before: StackFile, after: StackFile, name: str) -> tuple[str, ...]:
    """What differs between two declarations of a project and of what it uses: `gpus: 1 → 2`."""
    shared = {*before.lab.projects[name].mounts} & {*after.lab.projects[name].mounts}
    old, new = _facts(before, name, shared), _facts(after, name, shared)
    return tuple(_difference(key, old.get(key), new.get(key)) for key in sorted({*old, *new}) if _differ(old, new, key))


def _differ(old: Mapping[str, Any], new: Mapping[str, Any], key: str) -> bool:
    return bool(old.get(key) != new.get(key))


def _difference(key: str, old: Any, new: Any) -> str:
    return f"{key}: {_text(old)} → {_text(new)}"


def _text(value: Any) -> str:
    return brief(", ".join(map(str, value)) if isinstance(value, list) else scalar(value))


def facts(stack: StackFile, name: str) -> dict[str, Any]:
    """Everything that decides what a project registers; where it is equal on two sides, nothing happens to it."""
    lab, project = stack.lab, stack.lab.projects[name]
    place = stack.lock.placement(name)
    recipe = stack.recipes.get(name)
    person, host = lab.people.get(project.owner), lab.hosts.get(place.host) if place else None
    used = {key: lab.volumes[key] for key in project.mounts if key in lab.volumes}
    group = lab.groups.get(person.group or "") if person else None
    return {
        "lab": (lab.lab, lab.registry, lab.builder, lab.defaults, group, lab.runs_on if not lab.hosts else None),
        "project": project,
        "person": person,
        "host": host and host.model_copy(update={"gpus": (), "cpus": None, "memory": None}),
        "place": place,
        "recipe": recipe and recipe.hash,
        "build": stack.lock.builds.get(name) if project.pinned else None,
        "volumes": used,
        "hosts_of_volumes": {key: lab.host_of(key) for key in used},
    }


def _facts(stack: StackFile, name: str, volumes: Collection[str]) -> dict[str, Any]:
    """The declared values, flat, by dotted path; what the lock decided under its own words."""
    lab, project = stack.lab, stack.lab.projects[name]
    person, place = lab.people.get(project.owner), stack.lock.placement(name)
    flat = dict(_flat("", project.model_dump(mode="json", by_alias=True)))
    limits = lab.limits(name)
    if person:
        flat |= _flat(f"people.{project.owner}", person.model_dump(mode="json", by_alias=True))
    for key in volumes:
        if key in lab.volumes:
            flat |= _flat(f"volumes.{key}", lab.volumes[key].model_dump(mode="json", by_alias=True))
    flat["resources.cpus"] = f"{limits.cpus:f}"
    flat |= {f"resources.{key}": size_text(getattr(limits, key)) for key in ("memory", "shared_memory")}
    if place:
        flat |= {"host": place.host, "port on the host": place.port, "GPUs": list(place.gpus)}
        if place.host in lab.hosts:
            kept = lab.hosts[place.host].model_dump(mode="json", include={"address", "engine", "gpu_request"})
            flat |= _flat(f"hosts.{place.host}", kept)
    flat |= _flat("registry", lab.registry.model_dump(mode="json", by_alias=True) if lab.registry else {})
    flat |= _flat("builder", lab.builder.model_dump(mode="json", by_alias=True))
    return flat


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(f"{prefix}.{key}" if prefix else str(key), inner)
    elif value not in (None, [], ()):
        yield prefix, list(value) if isinstance(value, (list, tuple)) else value


def rebuilt(before: Recipe, after: Recipe) -> Iterator[str]:
    """Why an image is built anew: its base, its files, the packages they name."""
    old_lines, new_lines = before.dockerfile.splitlines(), after.dockerfile.splitlines()
    old_bases, new_bases = _bases(old_lines), _bases(new_lines)
    if old_bases != new_bases:
        yield f"base: {', '.join(map(_short, old_bases))} → {', '.join(map(_short, new_bases))}"
    elif old_lines != new_lines:
        yield "its Dockerfile changes"
    old, new = ({one.name: one for one in recipe.files} for recipe in (before, after))
    for name in sorted({*old, *new}):
        if name not in old or name not in new:
            yield f"{'+' if name in new else '-'} {brief(name)}"
        elif _bytes(old[name]) != _bytes(new[name]) or old[name].executable != new[name].executable:
            yield from _file(old[name], new[name])


def _bases(lines: list[str]) -> list[str]:
    words = [line.split() for line in lines if line.upper().startswith("FROM ")]
    return list(dict.fromkeys(one[1] if not one[1].startswith("--") else one[2] for one in words if len(one) > 1))


def _short(image: str) -> str:
    name, _, digest = image.partition("@sha256:")
    return f"{name}@{digest[:12]}" if digest else name


def _bytes(file: ContextFile) -> tuple[str | None, bytes]:
    return file.link, file.content()


def _file(old: ContextFile, new: ContextFile) -> Iterator[str]:
    before, after = _packages(old), _packages(new)
    lines = [
        f"{key} {before.get(key, 'none')} → {after.get(key, 'none')}"
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
    ]
    more = f", and {len(lines) - _SHOWN} more packages" if len(lines) > _SHOWN else ""
    yield f"{brief(new.name)}: {', '.join(lines[:_SHOWN])}{more}" if lines else f"{brief(new.name)} changes"


def _packages(file: ContextFile) -> dict[str, str]:
    """The packages that a file names, with their versions; none where it is of no known form."""
    content = file.content()
    if file.link is not None or len(content) > _LARGEST:
        return {}
    text = content.decode("utf-8", "replace")
    if PurePosixPath(file.name).name in {"uv.lock", "poetry.lock", "pylock.toml"}:
        try:
            read = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError):
            return {}
        listed = read.get("package") or read.get("packages") or []
        known = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
        return {brief(str(one.get("name"))): brief(str(one.get("version", "unversioned"))) for one in known}
    if _PACKAGE_FILES.search(file.name):
        found = [match for line in text.splitlines() if (match := _REQUIREMENT.match(line[:300]))]
        return {brief(match[1]): brief((match[2] or "any").removeprefix("==").removeprefix("=")) for match in found}
    return {}
