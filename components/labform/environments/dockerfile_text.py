"""What a Dockerfile says, read once by BuildKit's own parser: its stages, the images it needs, and where they stand."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from labform.environments.recipe import PLATFORM, RecipeError
from labform.problems import Problem, suggestion

INSTRUCTIONS = frozenset(
    [
        *("ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER"),
        *("ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"),
    ]
)
"""Dockerfile reference, "Overview"."""
_FROM_OPTION = re.compile(r"(?:^--|[=,])from=([^,]+)")
_DIRECTIVE = re.compile(r"^#\s*(?P<key>[A-Za-z]+)\s*=\s*(?P<value>\S+)\s*$")
_VARIABLE = re.compile(r"\$(?:\{(?P<braced>\w+)(?:(?P<rule>:?[-+])(?P<word>[^}]*))?\}|(?P<plain>\w+))")
_BY_PLATFORM = re.compile(r"\$\{?(TARGET|BUILD)(PLATFORM|OS|ARCH|VARIANT)\b")
_OS, _ARCHITECTURE = PLATFORM.split("/")
_PLATFORM_ARGS = {
    f"{side}{key}": value
    for side in ("TARGET", "BUILD")
    for key, value in (("PLATFORM", PLATFORM), ("OS", _OS), ("ARCH", _ARCHITECTURE), ("VARIANT", ""))
}
"""Dockerfile reference, "Automatic platform ARGs in the global scope"."""


@dataclass(frozen=True)
class Instruction:
    """One instruction: its word in capitals, flags, values, and its first and last line, from 1."""

    word: str
    flags: tuple[str, ...]
    values: tuple[str, ...]
    first: int
    last: int


@dataclass(frozen=True)
class Stage:
    """One FROM and what follows; `base` is the stage or image it starts from, ARGs filled in."""

    name: str
    base: str
    instructions: tuple[Instruction, ...]


@dataclass(frozen=True)
class Dockerfile:
    """A Dockerfile up to the end of the stage that is built."""

    lines: tuple[str, ...]
    stages: tuple[Stage, ...]
    args: Mapping[str, str]
    """The ARGs before the first FROM, with their values."""
    images: Mapping[str, tuple[tuple[Instruction, str], ...]] = field(default_factory=dict)
    """Each image that is no stage, with the instructions that name it and how they do."""

    def pinned(self, pin: Callable[[str], str]) -> str:
        """The text with each image replaced by what it is pinned to; the rest is as it was written."""
        lines = list(self.lines)
        for image, places in self.images.items():
            for instruction, named in places:
                at = slice(instruction.first - 1, instruction.last)
                lines[at] = _replaced("\n".join(lines[at]), instruction, named, pin(image)).split("\n")
        return "\n".join(lines).rstrip("\n") + "\n"

    @property
    def bound(self) -> str:
        """Why it is for PLATFORM alone: an image that is named by the platform is pinned for one; else empty."""
        named = [one for places in self.images.values() for one in places]
        lines = sorted(one.first for one, words in named if _BY_PLATFORM.search(words))
        return f"line {lines[0]} of its Dockerfile names an image by its platform" if lines else ""

    def undeclared(self, secrets: Collection[str], name: str) -> Iterator[Problem]:
        """A problem for each RUN that mounts another secret than these, unless it is `required=false`."""
        for instruction in (one for stage in self.stages for one in stage.instructions if one.word == "RUN"):
            for flag in instruction.flags:
                if (secret := _secret(flag)) and secret not in secrets:
                    message = (
                        f'{name}:{instruction.first}: mounts the secret "{secret}", which builder.secrets does not name'
                    )
                    hint = f"write builder: {{engine: buildkit, secrets: {{{secret}: {{from: …}}}}}}, or required=false"
                    yield Problem(("dockerfile",), "no-secret", message, hint)

    def user(self) -> str | None:
        """The USER that the built stage ends with, as far as this file says."""
        for stage in self._below():
            if users := [one.values[0] for one in stage.instructions if one.word == "USER"]:
                return users[-1]
        return None

    def root(self) -> str:
        """The image that the built stage starts from, through the stages below it."""
        return [stage.base for stage in self._below()][-1]

    def _below(self) -> Iterator[Stage]:
        """The built stage, and each stage that the one before starts from."""
        wanted = self.stages[-1].name
        for stage in reversed(self.stages):
            # A stage is known to those after it only: `FROM node AS node` starts from the image.
            if stage.name == wanted:
                yield stage
                wanted = stage.base.lower()


def parse(text: str, name: str, *, target: str | None = None, args: Mapping[str, str] | None = None) -> Dockerfile:
    """A Dockerfile's text as data; RecipeError with every fault and its line in the Dockerfile `name`."""
    return _parsed(text.removeprefix("\ufeff"), name, target, tuple(sorted((args or {}).items())))


@lru_cache(maxsize=256)
def _parsed(text: str, name: str, target: str | None, args: tuple[tuple[str, str], ...]) -> Dockerfile:
    instructions = _instructions(text, name)
    first = next((place for place, one in enumerate(instructions) if one.word == "FROM"), None)
    if first is None:
        raise RecipeError([Problem(("dockerfile",), "dockerfile", f"{name} has no FROM")])
    values = _global_args(instructions[:first], dict(args))
    stages = _until(target, [*_stages(instructions[first:], values, name)], name)
    last = stages[-1].instructions[-1].last
    lines = text.split("\n")[:last]
    return Dockerfile(tuple(lines), tuple(stages), values, {**_frontend(lines), **_images(stages, name)})


def _instructions(text: str, name: str) -> list[Instruction]:
    # Loaded here: most labs have no Dockerfile, and the parser is a Go library.
    import dockerfile

    try:
        commands = dockerfile.parse_string(text)
    except dockerfile.GoParseError as error:
        message = f"{name} has no FROM" if "no instructions" in str(error) else f"{name}:{_line(text, error)}: {error}"
        raise RecipeError([Problem(("dockerfile",), "dockerfile", message)]) from None
    found = [_instruction(one) for one in commands if one.cmd]
    if wrong := [one for one in found if one.word not in INSTRUCTIONS]:
        raise RecipeError(
            Problem(
                ("dockerfile",),
                "dockerfile",
                f"{name}:{one.first}: unknown instruction {one.word}",
                suggestion(one.word, INSTRUCTIONS),
            )
            for one in wrong
        )
    return found


def _line(text: str, error: Exception) -> int:
    """The line from which on the parser says the same, however many lines follow; it gives none itself."""
    import dockerfile

    lines = text.split("\n")
    for count in range(len(lines) - 1, 0, -1):
        try:
            dockerfile.parse_string("\n".join(lines[:count]))
        except dockerfile.GoParseError as shorter:
            if str(shorter) == str(error):
                continue
        return min(count + 1, len(lines))
    return 1


def _instruction(command: Any) -> Instruction:
    return Instruction(command.cmd.upper(), command.flags, command.value, command.start_line, command.end_line)


def _global_args(instructions: list[Instruction], args: Mapping[str, str]) -> dict[str, str]:
    """The ARGs before the first FROM: the only ones that an image's name may use."""
    values = dict(_PLATFORM_ARGS)
    for instruction in instructions:
        for one in instruction.values:
            key, given, default = one.partition("=")
            # Without a value, an automatic platform ARG keeps its own, and any other is not set.
            if key in args or given:
                values[key] = args.get(key, substituted(default.strip("\"'"), values))
    return values


def _secret(flag: str) -> str | None:
    """The id of a secret that a `--mount` asks for without saying that it can do without; None for all else."""
    option, _, text = flag.partition("=")
    mount = dict(part.partition("=")[::2] for part in text.split(","))
    if option != "--mount" or mount.get("type") != "secret" or mount.get("required") == "false":
        return None
    target = mount.get("target") or mount.get("dst") or mount.get("destination") or ""
    return mount.get("id") or target.rpartition("/")[2]


def _stages(instructions: list[Instruction], values: Mapping[str, str], name: str) -> Iterator[Stage]:
    starts = [place for place, one in enumerate(instructions) if one.word == "FROM"]
    for number, start in enumerate(starts):
        body = instructions[start : (*starts[number + 1 :], len(instructions))[0]]
        words = body[0].values
        label = words[-1].lower() if len(words) == 3 and words[1].lower() == "as" else f"{number}"
        if len(words) not in {1, 3} or (len(words) == 3 and words[1].lower() != "as"):
            message = f"{name}:{body[0].first}: FROM takes an image, or an image AS a name"
            raise RecipeError([Problem(("dockerfile",), "dockerfile", message)])
        yield Stage(label, _image(words[0], values, name, body[0]), tuple(body))


def _until(target: str | None, stages: list[Stage], name: str) -> list[Stage]:
    """The stages that are read for a target: those after it have no part in it."""
    if target is None:
        return stages
    names = [one.name for one in stages]
    if target.lower() not in names:
        hint = suggestion(target, {one for one in names if not one.isdigit()})
        raise RecipeError([Problem(("target",), "no-stage", f'no stage "{target}" in {name}', hint)])
    return stages[: names.index(target.lower()) + 1]


def _images(stages: list[Stage], name: str) -> dict[str, tuple[tuple[Instruction, str], ...]]:
    found: dict[str, tuple[tuple[Instruction, str], ...]] = {}
    known: set[str] = {"scratch"}
    for number, stage in enumerate(stages):
        known.add(str(number))
        for instruction in stage.instructions:
            for named in _named(instruction):
                image = stage.base if instruction.word == "FROM" else _fixed(named, name, instruction)
                if image.lower() not in known:
                    found[image] = (*found.get(image, ()), (instruction, named))
        known.add(stage.name)
    return found


def _frontend(lines: list[str]) -> dict[str, tuple[tuple[Instruction, str], ...]]:
    """The image of `# syntax=`, which the builder pulls to read the rest; directives end at the first other line."""
    for number, line in enumerate(lines, start=1):
        directive = _DIRECTIVE.match(line)
        if directive is None:
            return {}
        if directive["key"].lower() == "syntax":
            return {directive["value"]: ((Instruction("SYNTAX", (), (), number, number), directive["value"]),)}
    return {}


def _named(instruction: Instruction) -> list[str]:
    """The images or stages that an instruction names, as it writes them."""
    if instruction.word == "FROM":
        return [instruction.values[0]]
    options = instruction.flags if instruction.word in {"COPY", "RUN"} else ()
    return [match[1] for one in options if (match := _FROM_OPTION.search(one))]


def _fixed(named: str, name: str, instruction: Instruction) -> str:
    if "$" in named:
        message = f"{name}:{instruction.first}: from={named}: the builder fills in no variable here"
        hint = f"write FROM {named} AS a-name, and from=a-name"
        raise RecipeError([Problem(("dockerfile",), "dockerfile", message, hint)])
    return named


def _image(named: str, values: Mapping[str, str], name: str, instruction: Instruction) -> str:
    image = substituted(named, values)
    if not image or image[-1] in ":@/":
        message = f"{name}:{instruction.first}: {named} has no value"
        raise RecipeError([Problem(("args",), "no-value", message, "add it to args")])
    return image


def substituted(text: str, values: Mapping[str, str]) -> str:
    """A text with `$NAME`, `${NAME}`, `${NAME:-else}` and `${NAME:+instead}` filled in."""

    def value(match: re.Match[str]) -> str:
        """What stands for one variable."""
        given = values.get(match["braced"] or match["plain"])
        rule, word = match["rule"] or "", match["word"] or ""
        there = bool(given) if rule.startswith(":") else given is not None
        if rule.endswith("+"):
            return word if there else ""
        return (given or "") if there or not rule else word

    return _VARIABLE.sub(value, text)


def _replaced(text: str, instruction: Instruction, named: str, reference: str) -> str:
    """An instruction's lines with the image's name, a word of its own, replaced."""
    before = {"FROM": r"\s", "SYNTAX": r"[=\s]"}.get(instruction.word, "from=")
    found = re.finditer(rf"(?<={before}){re.escape(named)}(?=[\s,]|$)", text)
    match = next((one for one in found if instruction.word == "SYNTAX" or not _in_comment(text, one.start())), None)
    if match is None:
        message = f'the image "{named}" is written over two lines'
        raise RecipeError([Problem(("dockerfile",), "dockerfile", message, "write it on one line")])
    return text[: match.start()] + reference + text[match.end() :]


def _in_comment(text: str, at: int) -> bool:
    """Whether a place is on one of the comment lines that an instruction may go on over."""
    return text[text.rfind("\n", 0, at) + 1 :].lstrip().startswith("#")
