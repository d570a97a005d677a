"""The contract of every declaration, and the scalar types that stack files are written in.

A declaration is what a person wrote, checked: unknown keys are errors because a key that is silently ignored is a
feature that its author believes in. Values are plain; what is known only when deployed is a component's keyword.
"""

import ast
import inspect
import re
import textwrap
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from labform.problems import brief


class Declaration(BaseModel):
    """Base of all declarations: strict, frozen, no unknown keys; the string under a field is its documentation."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Describe the fields by the strings under them, read here since a lab that is deployed needs none of them."""
        found = handler.resolve_ref_schema(generated := handler(schema))
        texts = {key: text for base in reversed(cls.__mro__) for key, text in _field_docs(base).items()}
        for name, field in cls.model_fields.items():
            if name in texts:
                found["properties"][field.alias or name].setdefault("description", texts[name])
        return generated


def _field_docs(model: type) -> dict[str, str]:
    if not issubclass(model, Declaration) or model is Declaration:
        return {}
    tree = ast.parse(textwrap.dedent(inspect.getsource(model)))
    lines = [pair for one in tree.body if isinstance(one, ast.ClassDef) for pair in pairwise(one.body)]
    return {
        ast.unparse(field.target): inspect.cleandoc(str(below.value.value))
        for field, below in lines
        if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
    }


def refusal(code: str, message: str) -> PydanticCustomError:
    """The error a validator raises: `code` is stable, `message` may hold no value that could be secret."""
    return PydanticCustomError("labform", "{message}", {"code": code, "message": message})


_SIZE = re.compile(r"([0-9]{1,13}(?:\.[0-9]{1,12})?)(Ki|Mi|Gi|Ti|Pi)")
_SIZE_UNITS = {unit: 1024**power for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi"), start=1)}
_DURATION = re.compile(r"([0-9]{1,10})(s|m|h|d)")
_DURATION_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_MEBIBYTE = 1024**2
_LARGEST, _LONGEST = 1024**6, 10**9
"""An exbibyte and thirty years: what is more is a mistake."""


def size(value: object) -> int:
    """Bytes of a size such as `512Mi` or `1.5Ti` (IEC units, as Kubernetes writes them).

    Raises the error of a validator for anything that is not a positive whole number of MiB, Docker's unit.
    """
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    count = int(Decimal(match[1]) * _SIZE_UNITS[match[2]]) if match else value
    if not isinstance(count, int) or isinstance(count, bool) or not 0 < count <= _LARGEST:
        raise refusal("size", f"{shown(value)} is not a size; write a number and Mi, Gi or Ti, for example 16Gi")
    if count % _MEBIBYTE:
        raise refusal("size", f"{shown(value)} is not a whole number of MiB; for example 512Mi")
    return count


def size_text(count: int) -> str:
    """The shortest spelling of a size in bytes: 17179869184 is `16Gi`."""
    unit = max((u for u, n in _SIZE_UNITS.items() if count % n == 0), key=_SIZE_UNITS.__getitem__, default="")
    return f"{count // _SIZE_UNITS[unit]}{unit}" if unit else str(count)


def mebibytes(count: int) -> int:
    """Bytes as MiB, the unit of every memory field of the Docker provider."""
    return count // _MEBIBYTE


def duration(value: object) -> int:
    """Seconds of a duration such as `90s`, `30m`, `12h` or `2d`; raises a validator's error for anything else."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    seconds = int(match[1]) * _DURATION_UNITS[match[2]] if match else value
    if isinstance(seconds, int) and not isinstance(seconds, bool) and 0 < seconds <= _LONGEST:
        return seconds
    raise refusal("duration", f"{shown(value)} is not a duration; write a number and s, m, h or d, for example 12h")


def duration_text(seconds: int) -> str:
    """The shortest spelling of a duration in seconds: 5400 is `90m`."""
    unit = max((u for u, n in _DURATION_UNITS.items() if seconds % n == 0), key=_DURATION_UNITS.__getitem__)
    return f"{seconds // _DURATION_UNITS[unit]}{unit}"


def cpus(value: object) -> Decimal:
    """A positive number of CPUs with at most two decimals; raises a validator's error for anything else."""
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        number = Decimal(str(value))
        if number.is_finite() and number > 0 and number == round(number, 2):
            return number.normalize()
    raise refusal("cpus", f"{shown(value)} is not a number of CPUs; write a positive number, for example 4 or 0.5")


def shown(value: object) -> str:
    """A given value as a message says it."""
    if isinstance(value, str):
        return f'"{brief(value)}"'
    known = {type(None): "nothing", dict: "a mapping", list: "a list"}
    return known.get(type(value), str(value).lower())


def _matching(pattern: str, code: str, rule: str) -> Callable[[str], str]:
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        """The text itself, or the refusal."""
        if not compiled.fullmatch(value):
            raise refusal(code, f'"{brief(value)}" {rule}')
        return value

    return check


def _text(pattern: str, code: str, rule: str, **schema: Any) -> Any:
    return [
        AfterValidator(_matching(pattern, code, rule)),
        WithJsonSchema({"type": "string", "pattern": f"^(?:{pattern})$", **schema}),
    ]


_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?"

Name = Annotated[
    str,
    *_text(
        _LABEL, "name", "is not a name; use up to 40 of a-z, 0-9 and -, beginning and ending with a letter or digit"
    ),
]
"""A name that is valid in every backend: a DNS-1123 label, short enough to be joined with the lab's."""

Size = Annotated[
    int,
    BeforeValidator(size),
    PlainSerializer(size_text, return_type=str),
    WithJsonSchema({"type": "string", "pattern": f"^{_SIZE.pattern}$", "examples": ["16Gi", "512Mi"]}),
]
"""An amount of memory or storage, written `16Gi`; held in bytes."""

Duration = Annotated[
    int,
    BeforeValidator(duration),
    PlainSerializer(duration_text, return_type=str),
    WithJsonSchema({"type": "string", "pattern": f"^{_DURATION.pattern}$", "examples": ["30m", "12h"]}),
]
"""A length of time, written `12h`; held in seconds."""

Cpus = Annotated[
    Decimal,
    BeforeValidator(cpus),
    PlainSerializer(float, return_type=float),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "examples": [4, 0.5]}),
]
"""A number of CPUs, at most two decimals; `1.50` and `1.5` are the same."""

HostPath = Annotated[
    str,
    *_text(
        r"/(?:(?!\.{1,2}(?:/|$))[^/\x00-\x1f\x7f:,]+(?:/(?!\.{1,2}(?:/|$))[^/\x00-\x1f\x7f:,]+)*)?",
        "path",
        "is not a plain absolute path; no .., no trailing /",
    ),
]
"""An absolute path on a host or in a container, without `..`, `.` or a trailing slash."""

RelativePath = Annotated[
    str,
    *_text(
        r"(?!/)(?!(?:.*/)?\.\.(?:/|$))[^\0\\\s]+",
        "path",
        "is not a path below the project's folder; no .., no leading /",
    ),
]
"""A path below a project's folder."""

Digest = Annotated[str, *_text(r"sha256:[0-9a-f]{64}", "digest", "is not a digest; it is sha256: and 64 hex digits")]
"""The identity of an image's content."""

_REPOSITORY = (
    r"(?:[A-Za-z0-9.-]+(?::\d+)?/)?[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*"
)
ImageName = Annotated[
    str,
    *_text(
        rf"{_REPOSITORY}(?::[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?(?:@sha256:[0-9a-f]{{64}})?",
        "image",
        "is not an image name; write name:tag or name@sha256:… in lower case",
        examples=["python:3.12-slim"],
    ),
]
"""An image as people name it: `python:3.12-slim`; a tag is turned into a digest by the lock."""

RegistryAddress = Annotated[
    str,
    *_text(
        r"[A-Za-z0-9.-]+(?::\d+)?(?:/[a-z0-9._-]+)*",
        "registry",
        "is not a registry address; write host:port/path without https://",
    ),
]
"""Where images are pushed: host, port and the path they share."""

EnvironmentVariable = Annotated[
    str, *_text(r"[A-Za-z_][A-Za-z0-9_]*", "env-name", "is not a variable's name; use letters, digits and _")
]
"""The name of an environment variable."""

BuildSecretId = Annotated[
    str, *_text(r"[A-Za-z][A-Za-z0-9_.-]{0,62}", "secret-id", "is not an id; use letters, digits, _, . and -")
]
"""The id of a build secret, as `RUN --mount=type=secret,id=…` names it."""

Port = Annotated[int, Field(ge=1, le=65535)]
"""A TCP port."""

Uid = Annotated[int, Field(ge=1000, le=2_000_000_000)]
"""A numeric user or group id of a person; below 1000 are the system's own."""
