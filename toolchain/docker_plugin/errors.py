"""What goes wrong in an operation, in the words that the official plugin uses.

PluginError         the operation failed; nothing new is in the state
+-- PartialFailureError  the object exists all the same and belongs into the state
"""

from typing import Any

from docker.errors import APIError, DockerException
from requests.exceptions import RequestException

FAILURES = (DockerException, RequestException, OSError)
"""What a call to the daemon raises."""


class PluginError(Exception):
    """A failure whose message is shown to the user as it is."""


class PartialFailureError(PluginError):
    """A failure after the object was made: it goes into the state, marked as unfinished."""

    def __init__(self, message: str, resource_id: str, properties: dict[str, Any]) -> None:
        super().__init__(message)
        self.resource_id = resource_id
        self.properties = properties


def reported(message: str, *, during: str = "") -> str:
    """Format a message as Terraform's SDK does, with the operation it stopped."""
    text = f"1 error occurred:\n\t* {message}\n\n"
    return f"{during}: {text}" if during else text


def said(error: Exception) -> str:
    """Return what the daemon said, in the words of Docker's own clients."""
    if isinstance(error, APIError):
        return f"Error response from daemon: {error.explanation or error}"
    return str(error)
