"""The lab of this Pulumi stack: reads one stack file, makes one Lab, exports what people look up."""

import gc
import signal

# The engine interrupts a program whose update has failed: end at once, so that the cause is the last thing said.
signal.signal(signal.SIGINT, signal.SIG_DFL)
gc.set_threshold(100_000, 50, 50)

import pulumi  # noqa: E402
from labform import Lab, load  # noqa: E402

config = pulumi.Config()
stack = load(
    config.get("stack-file") or f"stacks/{pulumi.get_stack()}.yaml",
    lock=config.get("lock-file"),
    addresses=config.get_object("addresses"),
)
lab = Lab(stack.lab.lab, stack.lab, lock=stack.lock, recipes=stack.recipes, secret=config.require_secret)
pulumi.export("projects", lab.projects)
pulumi.export("tokens", lab.tokens)
pulumi.export("gpus", lab.gpus)
pulumi.export("quotas", lab.quotas)
