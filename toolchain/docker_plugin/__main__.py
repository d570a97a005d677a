"""Run the plugin: `python -m toolchain.docker_plugin ENGINE_ADDRESS`."""

import sys

from toolchain.docker_plugin.server import main

if __name__ == "__main__":
    main(sys.argv[1:])
