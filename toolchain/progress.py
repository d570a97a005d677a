"""What a user reads on stderr while the toolchain keeps them waiting: why, and for how long already."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


def say(line: str) -> None:
    """Print one line."""
    print(line, file=sys.stderr, flush=True)


@contextmanager
def waiting(reason: str, *, every: float | None = None) -> Iterator[None]:
    """Say why the user waits, then how long it has been: every ten seconds on a terminal, elsewhere every thirty."""
    interval = every or (10 if sys.stderr.isatty() else 30)
    start, done = time.monotonic(), threading.Event()

    def tick() -> None:
        while not done.wait(interval):
            say(f"  still {reason.partition(':')[0]}, {time.monotonic() - start:.0f} s so far")

    say(reason)
    ticker = threading.Thread(target=tick, daemon=True)
    ticker.start()
    try:
        yield
    finally:
        done.set()
        ticker.join()
