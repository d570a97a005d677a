"""MIG: which layouts a GPU can have. Data and exact search; labform checks a layout and never changes one.

Source of the table: NVIDIA's MIG user guide ("Supported MIG Profiles": names, fractions, counts), and transcripts of
`nvidia-smi mig -lgip` (ids, memory) and `-lgipp` (starts), which are the same for A100, H100 and H100 NVL. An axis has
8 memory and 7 compute slices, on A30 4 and 4; a start is a memory slice, as in NVML's nvmlGpuInstancePlacement_t.
Framebuffers are the smallest that a transcript shows; drivers differ by 1 %. No `-lgipp` of H200 and B200 is public:
they are taken to have H100's axis. B200's framebuffers are an estimate: nine tenths of the slices' share of 183359 MiB.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Profile:
    """A kind of GPU instance that a model offers, such as `3g.20gb` of an A100-40GB."""

    name: str
    id: int
    compute: int
    """Compute slices."""
    memory: int
    """Memory slices."""
    starts: tuple[int, ...]
    """The memory slices it may begin at."""
    limit: int
    """How many one GPU can have."""
    framebuffer: int
    """MiB that a program finds."""
    whole: int
    """Compute slices of the whole GPU."""

    @property
    def equivalent(self) -> Fraction:
        """Its share of a GPU, exactly: 3/7 for 3g.20gb."""
        return Fraction(self.compute, self.whole)

    @property
    def media(self) -> bool:
        """Whether it takes the GPU's media engines, which one instance can have."""
        return self.name.endswith("+me")


@dataclass(frozen=True, order=True)
class Placed:
    """An instance of a profile at a start."""

    start: int
    profile: str
    size: int
    """Memory slices."""


_SEVEN = (
    ("1g", 19, 1, 1, (0, 1, 2, 3, 4, 5, 6), 7),
    ("1g+me", 20, 1, 1, (0, 1, 2, 3, 4, 5, 6), 1),
    ("1g", 15, 1, 2, (0, 2, 4, 6), 4),
    ("2g", 14, 2, 2, (0, 2, 4), 3),
    ("3g", 9, 3, 4, (0, 4), 2),
    ("4g", 5, 4, 4, (0,), 1),
    ("7g", 0, 7, 8, (0,), 1),
)
"""Profiles of GPUs with seven compute slices: prefix, id, compute and memory slices, starts, limit."""
_FOUR = (
    ("1g", 14, 1, 1, (0, 1, 2, 3), 4),
    ("1g+me", 21, 1, 1, (0, 1, 2, 3), 1),
    ("2g", 5, 2, 2, (0, 2), 2),
    ("2g+me", 6, 2, 2, (0, 2), 1),
    ("4g", 0, 4, 4, (0,), 1),
)
"""The same of A30."""

_FULL = 8
"""Memory slices of the longer axis."""

_SIZES: Mapping[str, Mapping[int, tuple[int, int]]] = {
    "A30-24GB": {1: (6, 5949), 2: (12, 11970), 4: (24, 24002)},
    "A100-40GB": {1: (5, 4864), 2: (10, 9856), 4: (20, 19968), 8: (40, 40192)},
    "A100-80GB": {1: (10, 9856), 2: (20, 19968), 4: (40, 40192), 8: (80, 80384)},
    "H100-80GB": {1: (10, 9984), 2: (20, 20090), 4: (40, 40448), 8: (80, 81152)},
    "H100-94GB": {1: (12, 10874), 2: (24, 22016), 4: (47, 47226), 8: (94, 94842)},
    "H200-141GB": {1: (18, 16384), 2: (35, 33280), 4: (71, 71424), 8: (141, 143360)},
    "B200-180GB": {1: (23, 20627), 2: (45, 41255), 4: (90, 82511), 8: (180, 165023)},
}
"""By model, for each number of memory slices: the gigabytes in the profile's name, and its framebuffer in MiB."""

_SHORT = {"A30": "A30-24GB", "H100-NVL": "H100-94GB", "H200": "H200-141GB", "B200": "B200-180GB"}
"""Words for models that come in one size."""


def full_word(model: str) -> str:
    """The word with its memory for a model that people write without: `H200` is `H200-141GB`."""
    return _SHORT.get(model, model)


def _profiles(model: str) -> tuple[Profile, ...]:
    sizes = _SIZES[model]
    rows = _SEVEN if _FULL in sizes else _FOUR
    whole = max(compute for _, _, compute, *_ in rows)
    found = []
    for prefix, number, compute, memory, starts, limit in rows:
        gigabytes, framebuffer = sizes[memory]
        slices, plus, extra = prefix.partition("+")
        name = f"{slices}.{gigabytes}gb{plus}{extra}"
        found.append(Profile(name, number, compute, memory, starts, limit, framebuffer, whole))
    return tuple(found)


GEOMETRY: Mapping[str, tuple[Profile, ...]] = {model: _profiles(model) for model in _SIZES}
"""The profiles of each model that has MIG, smallest first."""


def offered(model: str) -> tuple[Profile, ...]:
    """The profiles a model offers, smallest first; none where it has no MIG or is not known here."""
    return GEOMETRY.get(full_word(model), ())


def profile_of(model: str, name: str) -> Profile | None:
    """A model's profile by its name."""
    return next((one for one in offered(model) if one.name == name), None)


def equivalent(model: str, name: str) -> Fraction | None:
    """The share of a GPU that a profile is; None where the model does not offer it."""
    found = profile_of(model, name)
    return found.equivalent if found else None


def layouts(profiles: Iterable[Profile]) -> Iterator[tuple[Placed, ...]]:
    """Every legal set of placed instances of these profiles on one GPU, the empty one too, each once."""
    kinds = tuple(profiles)
    yield from _filled(kinds, 0, (), Counter())


def _filled(
    kinds: tuple[Profile, ...], first: int, placed: tuple[Placed, ...], used: Counter[str]
) -> Iterator[tuple[Placed, ...]]:
    yield placed
    for kind in kinds:
        if not _allowed(kind, used):
            continue
        for start in kind.starts:
            if start >= first:
                one = Placed(start, kind.name, kind.memory)
                yield from _filled(kinds, start + kind.memory, (*placed, one), used + _counted(kind))


def _counted(kind: Profile) -> Counter[str]:
    return Counter({kind.name: 1, "+me": int(kind.media)})


def _allowed(kind: Profile, used: Counter[str]) -> bool:
    return used[kind.name] < kind.limit and not (kind.media and used["+me"])


def layout(model: str, names: Iterable[str]) -> tuple[Placed, ...] | None:
    """Where instances of these profiles stand on one GPU, in the order of starts; None where they do not fit together.

    The search is exact: None means that no placement exists. Raises KeyError for a profile the model does not offer.
    """
    known = {one.name: one for one in offered(model)}
    wanted = sorted((known[name] for name in names), key=lambda one: (-one.memory, -one.compute, one.name))
    found = _fitted(wanted, 0, (), Counter())
    return None if found is None else tuple(sorted(found))


def _fitted(
    wanted: list[Profile], taken: int, placed: tuple[Placed, ...], used: Counter[str]
) -> tuple[Placed, ...] | None:
    """The first way to place all of them; `taken` has a bit for each memory slice that is in use."""
    if not wanted:
        return placed
    kind, rest = wanted[0], wanted[1:]
    for start in kind.starts if _allowed(kind, used) else ():
        slices = ((1 << kind.memory) - 1) << start
        after = (*placed, Placed(start, kind.name, kind.memory))
        if not taken & slices and (found := _fitted(rest, taken | slices, after, used + _counted(kind))) is not None:
            return found
    return None


def largest_part(model: str, names: Iterable[str]) -> tuple[str, ...]:
    """The part of a wanted layout that fits and has the most compute slices, then the most instances."""
    wanted = Counter(names)
    known = [one for one in offered(model) if wanted[one.name]]
    best: tuple[tuple[int, int], tuple[str, ...]] = ((0, 0), ())
    for placed in layouts(known):
        counts = Counter(one.profile for one in placed)
        if counts <= wanted:
            compute = sum(one.compute * counts[one.name] for one in known)
            best = max(best, ((compute, len(placed)), tuple(sorted(counts.elements(), reverse=True))))
    return best[1]


def why_not(model: str, names: Iterable[str]) -> str:
    """What stands in the way of a layout that does not fit."""
    wanted = Counter(names)
    known = [one for one in offered(model) if wanted[one.name]]
    for one in known:
        if wanted[one.name] > one.limit:
            return f"it can have {one.limit} of {one.name}, not {wanted[one.name]}"
    if sum(wanted[one.name] for one in known if one.media) > 1:
        return "one instance can have its media engines (+me)"
    slices = max(one.memory for one in offered(model))
    needed = sum(one.memory * wanted[one.name] for one in known)
    if needed > slices:
        return f"they need {needed} memory slices and it has {slices}"
    rules = (f"{one.name} begins at {', '.join(map(str, one.starts))}" for one in reversed(known))
    return f"no places are left: {'; '.join(rules)}"
