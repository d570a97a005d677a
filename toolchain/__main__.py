"""`python -m toolchain` prepares the tools and says where they are from; `python -m toolchain -- CMD` then runs CMD.

`docker-build` before the `--` has that plugin too, which a lab with `engine: buildkit` needs.
"""

import os
import sys
from collections.abc import Sequence

from toolchain import ToolchainError, prepare
from toolchain.preparation import BUILT
from toolchain.progress import say

USAGE = "usage: python -m toolchain [docker-build] [-- COMMAND [ARGUMENT ...]]"


def main(arguments: Sequence[str]) -> int:
    """Prepare, then report or become the command; return the exit code."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    wanted, command = arguments[:end], arguments[end + 1 :]
    if not {*wanted} <= {*BUILT} or (end < len(arguments) and not command):
        say(USAGE)
        return 0 if wanted and wanted[0] in {"-h", "--help"} else 2
    try:
        tools = prepare(wanted)
    except ToolchainError as error:
        say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    if not command:
        for line in tools.report:
            say(line)
        return 0
    return _become(command, os.environ | tools.env)


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
