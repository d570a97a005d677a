"""Run the plugin: `python -m toolchain.kubernetes_plugin ENGINE_ADDRESS`."""

import sys

from toolchain.kubernetes_plugin.server import main

if __name__ == "__main__":
    main(sys.argv[1:])
