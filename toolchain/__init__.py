"""What `pulumi up` needs, on machines where the official downloads are out of reach too.

`prepare()` answers with a `Toolchain`: `run([tools.pulumi, "up"], env=os.environ | tools.env)`. Nothing here is part of
the labform package, and nothing that is installed already is changed.
"""

from toolchain.error import ToolchainError
from toolchain.preparation import Toolchain, prepare

__all__ = ["Toolchain", "ToolchainError", "prepare"]
