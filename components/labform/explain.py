"""What each error code means, why labform refuses, and what to write: the one table, as data beside this file.

The rules of the policy pack explain themselves; their ids are codes too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from labform.policy import RULES, Rule

TABLE = Path(__file__).with_name("explanations")
"""The table: one file for each part of a lab, one entry for each code."""


@dataclass(frozen=True)
class Explanation:
    """One code: what it means, why labform refuses, what to write; `bad` and `good` are an example, where one helps.

    An example is a part of a stack file, a line of another file, or a command.
    """

    code: str
    topic: str
    means: str
    why: str
    write: str
    bad: str = ""
    good: str = ""


@cache
def explanations() -> Mapping[str, Explanation]:
    """Every code of the toolkit, sorted."""
    found = {one.code: one for path in sorted(TABLE.glob("*.yaml")) for one in _read(path)}
    rules = {one.id: _of_rule(one) for one in RULES}
    return dict(sorted((found | rules).items()))


def _read(path: Path) -> list[Explanation]:
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [Explanation(code, path.stem, **entry) for code, entry in entries.items()]


def _of_rule(rule: Rule) -> Explanation:
    why = "It is a rule of the policy pack for what is registered; `labform check --policy` judges it too."
    return Explanation(rule.id, "policy", _sentence(rule.reason), why, _sentence(rule.remediation))


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
