"""What goes wrong in an operation, in the words that the official plugin uses."""

from docker.errors import APIError, DockerException
from requests.exceptions import RequestException

FAILURES = (DockerException, RequestException, OSError)
"""What a call to the daemon raises."""


def reported(message: str, *, during: str = "") -> str:
    """Format a message as Terraform's SDK does, with the operation it stopped."""
    text = f"1 error occurred:\n\t* {message}\n\n"
    return f"{during}: {text}" if during else text


def said(error: Exception) -> str:
    """Return what the daemon said, in the words of Docker's own clients."""
    if isinstance(error, APIError):
        return f"Error response from daemon: {error.explanation or error}"
    return str(error)
