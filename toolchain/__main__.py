"""`python -m toolchain` prepares the tools and says where they are from; `python -m toolchain -- CMD` then runs CMD."""

import os
import sys
from collections.abc import Sequence

from toolchain import ToolchainError, prepare
from toolchain.progress import say

USAGE = "usage: python -m toolchain [-- COMMAND [ARGUMENT ...]]"


def main(arguments: Sequence[str]) -> int:
    """Prepare, then report or become the command; return the exit code."""
    if arguments and (arguments[0] != "--" or len(arguments) == 1):
        say(USAGE)
        return 0 if arguments[0] in {"-h", "--help"} else 2
    try:
        tools = prepare()
    except ToolchainError as error:
        say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    if not arguments:
        for line in tools.report:
            say(line)
        return 0
    return _become(arguments[1:], os.environ | tools.env)


def _become(command: Sequence[str], environment: dict[str, str]) -> int:
    """Replace this process by the command, so that signals and the exit code are its own."""
    os.environ["PATH"] = environment["PATH"]
    try:
        os.execvpe(command[0], list(command), environment)
    except OSError as error:
        say(f"error: {command[0]}: {error.strerror}")
        return 127


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
