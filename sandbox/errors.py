"""What a sandbox refuses with: one line that names what is missing and what to do about it."""


class SandboxError(Exception):
    """The sandbox can't do what was asked; the message is one clear line for a person."""
