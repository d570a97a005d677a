"""What a stand-in plugin fails with.

PluginError              the operation failed; nothing new is in the state
+-- PartialFailureError  the object exists all the same and belongs into the state
"""

from collections.abc import Sequence
from typing import Any


class PluginError(Exception):
    """A failure whose message is shown to the user as it is."""


class PartialFailureError(PluginError):
    """A failure after the object was made: it goes into the state, marked as unfinished."""

    def __init__(
        self,
        message: str,
        resource_id: str,
        properties: dict[str, Any],
        *,
        inputs: dict[str, Any] | None = None,
        reasons: Sequence[str] = (),
    ) -> None:
        super().__init__(message)
        self.resource_id = resource_id
        self.properties = properties
        self.inputs = inputs
        self.reasons = reasons
