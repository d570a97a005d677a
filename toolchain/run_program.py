"""Runs one Pulumi program in this process and exits as the official `pulumi-language-python-exec` does.

The language host and the tests' recording engine start this file by its path, in the program's own interpreter. The
arguments and exit codes are those of the official script; configuration comes in `PULUMI_CONFIG` and
`PULUMI_CONFIG_SECRET_KEYS`. Debuggers and tracing are left out.
"""

import argparse
import asyncio
import logging
import os
import runpy
import sys
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pulumi
import pulumi.runtime

EXPLAINED = 32
"""Exit code that tells the language host: the user has already been shown why."""


def main(arguments: Sequence[str]) -> int:
    """Connect to the engine, run the program, and return the exit code."""
    options = _parse(arguments)
    _configure(options)
    sys.argv = [options.program, *options.arguments]
    if options.pwd:
        os.chdir(options.pwd)
    # Futures that a failing program leaves behind are no news to its author.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    program = Path(options.program).absolute()
    if program.is_dir() and not (program / "__main__.py").is_file():
        pulumi.log.error(f"unable to find main python program `__main__.py` in `{program}`")
        return EXPLAINED
    return _run(options.program, max(options.parallel, 1) * 4)


def _run(program: str, threads: int) -> int:
    """Run the program inside its stack resource, and turn what it raises into a message."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)

    def run() -> None:
        runpy.run_path(program, run_name="__main__")

    with ThreadPoolExecutor(max_workers=threads) as executor:
        loop.set_default_executor(executor)
        try:
            loop.run_until_complete(pulumi.runtime.run_in_stack(run))
        except pulumi.RunError as error:
            pulumi.log.error(str(error))
            return 1
        except Exception as error:  # noqa: BLE001 a program may raise anything
            pulumi.log.error(f"Program failed with an unhandled exception:\n{_user_traceback(error, program)}")
            return EXPLAINED
        finally:
            loop.close()
            sys.stdout.flush()
            sys.stderr.flush()
    return 0


def _user_traceback(error: Exception, program: str) -> str:
    """Format the traceback from the program's own first frame on."""
    path = Path(program).absolute()
    entry = str(path / "__main__.py" if path.is_dir() else path)
    frame = error.__traceback__
    while frame is not None and str(Path(frame.tb_frame.f_code.co_filename).absolute()) != entry:
        frame = frame.tb_next
    return "".join(traceback.format_exception(type(error), error, frame or error.__traceback__))


def _configure(options: argparse.Namespace) -> None:
    """Hand the engine's addresses and the stack's configuration to the SDK."""
    runtime = pulumi.runtime
    runtime.set_all_config(runtime.get_config_env(), runtime.get_config_secret_keys_env())
    runtime.configure(
        runtime.Settings(
            project=options.project,
            stack=options.stack,
            monitor=options.monitor,
            engine=options.engine,
            parallel=options.parallel,
            dry_run=options.dry_run == "true",
            organization=options.organization,
            root_directory=options.root_directory,
        )
    )


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line of the official executor."""
    parser = argparse.ArgumentParser(description="Execute a Pulumi Python program", allow_abbrev=False)
    for name in ("project", "root_directory", "stack", "dry_run", "pwd", "monitor", "engine", "organization"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--parallel", type=int, default=1)
    parser.add_argument("program")
    parser.add_argument("arguments", nargs="*")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
