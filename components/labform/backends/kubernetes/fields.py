"""Fields of an object that have no word of their own, each by its path. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from labform.backends.drift import Fact


def flat(what: str, body: Any, defaults: Mapping[str, str | None]) -> dict[Fact, str]:
    """Every field below `body` as a fact by its path, but for those that are as the API server fills them in.

    `defaults` are by path; None stands for anything that it, or a controller, may write.
    """
    return {
        (what, path) if what else (path, ""): text
        for path, text in _leaves("", body)
        if path not in defaults or defaults[path] not in (None, text)
    }


def _leaves(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        if path and not value:
            yield path, "{}"
        for key, one in value.items():
            yield from _leaves(f"{path}.{key}".lstrip("."), one)
    elif isinstance(value, list) and any(isinstance(one, (Mapping, list)) for one in value):
        for number, one in enumerate(value):
            yield from _leaves(f"{path}[{number}]", one)
    else:
        yield path, _text(value)


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)
