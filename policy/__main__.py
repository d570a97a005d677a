"""labform's rules as a CrossGuard policy pack: `pulumi preview --policy-pack policy`.

Exceptions are named in a configuration file: `--policy-pack-config exceptions.json` with
`{"public-port": {"exceptions": ["thesis"]}}`. The rules themselves are labform's, and pure.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from labform.policy import RULES, UNKNOWN, Rule, Subject
from pulumi_policy import (
    EnforcementLevel,
    PolicyConfigSchema,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
)

EXCEPTIONS = PolicyConfigSchema(properties={"exceptions": {"type": "array", "items": {"type": "string"}}})


def policy(rule: Rule) -> ResourceValidationPolicy:
    """A rule as a policy of the engine."""

    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        """Report each violation with the way out of it."""
        subject = Subject(args.resource_type, args.name, plain(args.props), protect=args.opts.protect)
        if subject.names() & {*args.get_config().get("exceptions", [])}:
            return
        for found in rule.find(subject):
            report(f"{found}; {rule.reason}. {rule.remediation[0].upper()}{rule.remediation[1:]}.", None)

    return ResourceValidationPolicy(
        rule.id, rule.reason, validate, EnforcementLevel.MANDATORY, EXCEPTIONS, remediation_steps=rule.remediation
    )


def plain(value: Any) -> Any:
    """Inputs as plain data; what is unknown at preview raises when it is read, and is UNKNOWN here."""
    if isinstance(value, Mapping):
        return {key: _read(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_read(value, place) for place in range(len(value))]
    return value


def _read(holder: Any, key: Any) -> Any:
    try:
        return plain(holder[key])
    except Exception:  # noqa: BLE001  the SDK raises an error of its own kind for each way of not knowing
        return UNKNOWN


PolicyPack("labform", [policy(rule) for rule in RULES])
