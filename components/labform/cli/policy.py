"""What `labform check --policy` finds: the rules of the policy pack, on what a lab registers, without an engine."""

import json
from pathlib import Path

from labform.loading import StackFile
from labform.policy import Subject, Violation, exceptions_of, violations
from labform.problems import LabformError, Location, Problem


def judged(stack: StackFile, config: Path | None) -> list[Problem]:
    """Every violation as a problem of the project, or of the whole lab, that it belongs to."""
    # Who checks without rules waits for no SDK.
    from labform.plan.registrations import registrations

    found = registrations(stack.lab, stack.lock, stack.recipes)
    places = {one.name: ("projects", one.project) if one.project else () for one in found.values()}
    subjects = [Subject(one.type, one.name, one.inputs, protect=one.protect) for one in found.values()]
    return [_problem(one, places[one.subject.name]) for one in violations(subjects, _exceptions(config))]


def _problem(one: Violation, place: Location) -> Problem:
    message = f"{one.subject.name}: {one.found}; {one.rule.reason}"
    return Problem(place, one.rule.id, message, one.rule.remediation)


def _exceptions(path: Path | None) -> dict[str, tuple[str, ...]]:
    if path is None:
        return {}
    try:
        data = json.loads(path.read_text())
        return exceptions_of(data if isinstance(data, dict) else {})
    except OSError as error:
        raise LabformError(f"{path}: error[file] {(error.strerror or 'cannot be read').lower()}") from None
    except ValueError as error:
        raise LabformError(f"{path}: error[policy-config] {error}") from None
