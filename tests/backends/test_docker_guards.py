"""The hooks of a Docker host: they run whatever else the program waits for."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest
from labform.backends.docker.guards import Guards
from labform.hosts import Host
from labform.problems import LabformError

pytestmark = pytest.mark.enable_socket


def test_a_hook_runs_while_registrations_hold_every_thread(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The SDK registers resources in the loop's threads, and the engine answers none before the hook has ended."""
    hooks: dict[str, Any] = {}
    monkeypatch.setattr(pulumi, "ResourceHook", hooks.setdefault)
    monkeypatch.setattr(pulumi, "ResourceHookBinding", SimpleNamespace)
    Guards("lab", "local", Host(address=f"unix://{tmp_path}/none.sock"), (), {})

    async def program() -> None:
        loop, answered = asyncio.get_running_loop(), threading.Event()
        loop.set_default_executor(ThreadPoolExecutor(max_workers=1))
        registration = loop.run_in_executor(None, answered.wait)
        try:
            await asyncio.wait_for(hooks["lab-local-volume"](SimpleNamespace(new_inputs={"name": "data"})), 10)
        finally:
            answered.set()
            await registration

    with pytest.raises(LabformError, match="local"):
        asyncio.run(program())
