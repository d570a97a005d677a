"""What `pulumi up` needs, on machines where the official downloads are out of reach too.

`prepare()` answers with a `Toolchain`: `run([tools.pulumi, "up"], env=os.environ | tools.env)`. Nothing here is part of
the labform package, and nothing that is installed already is changed.
"""

from typing import TYPE_CHECKING, Any

from toolchain.error import ToolchainError

if TYPE_CHECKING:
    from toolchain.preparation import Toolchain, prepare

__all__ = ["Toolchain", "ToolchainError", "prepare"]


def __getattr__(name: str) -> Any:
    """Load what prepares tools when it is asked for: the plugins, each a process of its own, need none of it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from toolchain import preparation

    return getattr(preparation, name)
