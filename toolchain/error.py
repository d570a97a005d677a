"""The one error of the toolchain."""


class ToolchainError(Exception):
    """A tool can't be had on this machine; the message is one line which says what is missing and what to install."""
