"""What exists of a lab: volumes, the ports that others have, and what was built. A lock remembers it."""

import sys
from collections.abc import Collection, Mapping

from labform.backends import Kubernetes
from labform.backends.docker.daemon import built, busy_ports, connected, cuda_version, digests_of, volumes_of
from labform.backends.kubernetes import api
from labform.bases import lock_key
from labform.draft import Draft
from labform.environments import Recipe
from labform.ledger import volume_entries
from labform.lockfile import Lock, LockedBuild, LockedVolume
from labform.problems import LabformError
from labform.recipes import Recipes


def looked(draft: Draft) -> tuple[Lock, dict[str, set[int]]]:
    """The lock with the volumes that exist marked as created, and the ports of each host that others have.

    A host or cluster that cannot be asked keeps its entries.
    """
    if isinstance(draft.lab.runs_on, Kubernetes):
        return _looked_in_cluster(draft, draft.lab.runs_on), {}
    volumes = _expected(draft)
    busy: dict[str, set[int]] = {}
    for host, declared in sorted(draft.lab.hosts.items()):
        try:
            with connected(host, declared.address, timeout=10) as client:
                here = volumes_of(client, draft.lab.lab)
                busy[host] = busy_ports(client, declared, draft.lab.lab)
        except LabformError as error:
            _note(error, f"what exists on {host} is kept as the lock says")
            continue
        volumes |= _created({key: one for key, one in volumes.items() if one.host == host}, here)
    return draft.lock.model_copy(update={"volumes": volumes}), busy


def _looked_in_cluster(draft: Draft, cluster: Kubernetes) -> Lock:
    try:
        with api.connected(cluster.context) as client:
            here = api.claims_of(client, draft.lab.lab)
    except LabformError as error:
        _note(error, "what exists there is kept as the lock says")
        return draft.lock
    volumes = _expected(draft)
    return draft.lock.model_copy(update={"volumes": {**volumes, **_created(volumes, here)}})


def _expected(draft: Draft) -> dict[str, LockedVolume]:
    """What to look for: data may be there before its entry, where a lock was lost or merged without it."""
    return {**volume_entries(draft.lab, draft.lock), **draft.lock.volumes}


def _created(volumes: Mapping[str, LockedVolume], here: Collection[str]) -> dict[str, LockedVolume]:
    """The planned volumes that exist, as created."""
    made = {key: one for key, one in volumes.items() if one.state == "planned" and key in here}
    return {key: one.model_copy(update={"state": "created"}) for key, one in made.items()}


def with_builds(draft: Draft, made: Recipes, anew: Collection[str] = ()) -> Lock:
    """A draft's lock with what was built since it was written, as far as the builder's daemon and the registry can say.

    The registry is asked of what the lock does not know, of what the daemon has built otherwise, and of `anew`, entries
    of the lock. A pinned project keeps the image that it has: another one of its recipe may be there for somebody else.
    """
    lock = draft.lock
    recipes = {**made.recipes, **{lock_key(name): one for name, one in made.bases.items()}}
    kept = {name for name, one in draft.lab.running().items() if one.pinned and name in lock.builds}
    wanted = {name: one for name, one in recipes.items() if name not in kept}
    try:
        return lock.model_copy(update={"builds": {**lock.builds, **_built(draft, wanted, anew)}})
    except LabformError as error:
        _note(error, "what it has built is kept as the lock says")
        return lock


def _built(draft: Draft, recipes: Mapping[str, Recipe], anew: Collection[str]) -> dict[str, LockedBuild]:
    found: dict[str, LockedBuild] = {}
    with connected(*draft.lab.registry_daemon, timeout=10) as client:
        held = digests_of(client)
        for name, recipe in recipes.items():
            place = draft.lab.repository(name)
            tag = f"{place}:{recipe.hash}"
            if name not in anew and _is_current(draft.lock.builds.get(name), recipe, place, held.get(tag)):
                continue
            if image := built(client, place, recipe.hash, pushed=draft.lab.registry is not None):
                found[name] = LockedBuild(recipe=recipe.hash, image=image, cuda=cuda_version(client, tag))
    return found


def _is_current(known: LockedBuild | None, recipe: Recipe, place: str, held: Collection[str] | None) -> bool:
    """Whether an entry is of this recipe and place, and no other image than the daemon has, if it has one."""
    if known is None or known.recipe != recipe.hash or not known.image.startswith(f"{place}@"):
        return False
    return not held or known.image in held


def _note(error: LabformError, what: str) -> None:
    print(f"note: {error}; {what}", file=sys.stderr)
