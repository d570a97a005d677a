"""What is wrong with a lab, said once per fault: where it stands, what was given, what to write instead.

LabformError           anything labform refuses; `str()` is what a terminal should show
└── ProblemsError      one or more Problems of a file, all from one run
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

Location = tuple[str | int, ...]
"""The keys from the root of a stack file to a value: `("projects", "thesis", "gpus")`."""


_LONGEST = 120


class LabformError(Exception):
    """Anything labform refuses to do; its text is a message for a person, never a traceback."""


@dataclass(frozen=True, order=True)
class Problem:
    """One fault of a stack file.

    `code` is stable and can be searched for; `location` is found in the file when the problem is shown.
    """

    location: Location
    code: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        """The problem without its file, on one line: `error[unknown-key] projects.thesis.imagee: unknown key; …`."""
        where = ".".join(str(part) for part in self.location)
        said = f"{where + ': ' if where else ''}{self.message}{'; ' + self.hint if self.hint else ''}"
        return f"error[{self.code}] " + "".join(one if one.isprintable() else repr(one)[1:-1] for one in said)


class ProblemsError(LabformError):
    """Every fault that one run found, in the order of the file."""

    def __init__(self, problems: Iterable[Problem], shown: Iterable[str]) -> None:
        """Keep the problems as data and, in `shown`, as the lines a person reads."""
        self.problems = tuple(problems)
        super().__init__("\n".join(shown))


def brief(text: str) -> str:
    """A given text, cut where it is longer than anybody wants to read in a message."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def suggestion(given: object, allowed: Iterable[str]) -> str:
    """A hint that names the nearest allowed word, else all of them: `did you mean "docker"?`."""
    words = sorted(allowed)
    near = get_close_matches(str(given), words, n=1, cutoff=0.72)
    if near:
        return f'did you mean "{near[0]}"?'
    return f"allowed: {', '.join(words)}" if words else "none is declared"
