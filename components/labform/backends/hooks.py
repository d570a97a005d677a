"""What both backends do in the engine's steps: hooks that look at the world and may take their time about it."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pulumi


class Hooks:
    """Makes hooks that run in threads of their own, so that one which waits holds up nothing else."""

    def __init__(self, prefix: str) -> None:
        """`prefix` makes the hooks' names unique in the program."""
        self._prefix = prefix
        # Not the event loop's own threads: registrations hold those while they wait for the engine, which waits here.
        self._threads = ThreadPoolExecutor(thread_name_prefix=f"guards-{prefix}")

    def step(self, name: str, check: Callable[[pulumi.ResourceHookArgs], None]) -> pulumi.ResourceHook:
        """A hook before or after a step; what it raises fails the step."""

        async def _aside(args: pulumi.ResourceHookArgs) -> None:
            await asyncio.get_running_loop().run_in_executor(self._threads, check, args)

        return pulumi.ResourceHook(f"{self._prefix}-{name}", _aside)

    def error(self, name: str, explain: Callable[[pulumi.ErrorHookArgs], str]) -> pulumi.ErrorHook:
        """A hook that adds what `explain` returns to a step's error; it is not tried again."""

        async def _aside(args: pulumi.ErrorHookArgs) -> bool:
            if said := await asyncio.get_running_loop().run_in_executor(self._threads, explain, args):
                pulumi.log.error(said)
            return False

        return pulumi.ErrorHook(f"{self._prefix}-{name}", _aside)
