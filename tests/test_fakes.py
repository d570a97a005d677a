"""The recording engine writes down what programs do, and fails where the engine fails."""

import signal
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes import UNKNOWN, Recording, RecordingEngine, Secret
from tests.processes import Start, forked, started

VOLUME, IMAGE = "docker:index/volume:Volume", "docker:index/image:Image"
PREAMBLE = """
    import pulumi, pulumi_docker as docker

    class Part(pulumi.ComponentResource):
        def __init__(self, name, opts=None):
            super().__init__("labform:index:Part", name, {"size": 2, "share": 0.5}, opts)
            self.volume = docker.Volume(f"{name}-data", driver="local", opts=pulumi.ResourceOptions(parent=self))
            self.register_outputs({"where": self.volume.name})
"""
Program = Callable[..., Recording]


@pytest.fixture
def record(tmp_path: Path) -> Program:
    """Run a few lines as a program of their own."""

    def run(body: str, *, engine: RecordingEngine | None = None, **options: object) -> Recording:
        (tmp_path / "__main__.py").write_text(textwrap.dedent(PREAMBLE) + textwrap.dedent(body), encoding="utf-8")
        return (engine or RecordingEngine(start=forked)).run(tmp_path, stack="dev", **options)

    return run


def test_a_component_and_its_child_have_the_engines_urns(record: Program) -> None:
    """A child's URN holds the types of its ancestors, and a component's whole numbers are whole."""
    recording = record("Part('one')")
    part, volume = recording.only("labform:index:Part"), recording.only(VOLUME, "one-data")
    assert part.urn == "urn:pulumi:dev::labform::labform:index:Part::one"
    assert volume.urn == f"urn:pulumi:dev::labform::labform:index:Part${VOLUME}::one-data"
    assert (part.inputs, part.custom, volume.parent) == ({"size": 2, "share": 0.5}, False, part.urn)
    assert (recording.exit_code, recording.errors, recording.stderr) == (0, [], "")


def test_registered_outputs_belong_to_their_resource(record: Program) -> None:
    """Outputs of a component are kept with it, and those of the stack with the recording."""
    recording = record("pulumi.export('where', Part('one').volume.driver)")
    assert recording.only("labform:index:Part").outputs.keys() == {"where"}
    assert recording.stack_outputs == {"where": "local"}


def test_protection_comes_from_the_parent(record: Program) -> None:
    """`protect` and `retain_on_delete` of a component hold for its children, as in the engine."""
    recording = record("Part('one', pulumi.ResourceOptions(protect=True, retain_on_delete=True))")
    volume = recording.only(VOLUME)
    assert (volume.options.protect, volume.options.retain_on_delete) == (True, True)


def test_options_are_plain_values(record: Program) -> None:
    """Every option that a program sets can be read back, with resources as URNs."""
    recording = record("""
        host = docker.Provider("host", host="ssh://gpu1")
        first = docker.Volume("first")
        docker.Volume("second", opts=pulumi.ResourceOptions(
            provider=host, depends_on=[first], delete_before_replace=True, replace_on_changes=["driver"],
            ignore_changes=["labels"], aliases=[pulumi.Alias(name="old")], replacement_trigger="gpu1",
            additional_secret_outputs=["mountpoint"], custom_timeouts=pulumi.CustomTimeouts(create="5m")))
    """)
    options = recording.only(VOLUME, "second").options
    assert options.provider == recording.only("pulumi:providers:docker").urn
    assert options.depends_on == [recording.only(VOLUME, "first").urn]
    assert (options.delete_before_replace, options.replace_on_changes) == (True, ["driver"])
    assert (options.ignore_changes, options.aliases) == (["labels"], [{"name": "old"}])
    assert (options.replacement_trigger, options.custom_timeouts) == ("gpu1", {"create": "5m"})
    assert (options.additional_secret_outputs, options.version) == (["mountpoint"], "5.1.0")


def test_a_secret_of_the_configuration_stays_one(record: Program) -> None:
    """A secret reaches inputs and stack outputs as a secret, and plain configuration as text."""
    recording = record(
        """
        config = pulumi.Config()
        docker.Volume("data", driver=config.require_secret("driver"), name=config.require("name"))
        pulumi.export("driver", config.require_secret("driver"))
        """,
        config={"name": "data"},
        secrets={"driver": "hush"},
    )
    assert recording.only(VOLUME).inputs == {"driver": Secret("hush"), "name": "data"}
    assert recording.stack_outputs == {"driver": Secret("hush")}


def test_a_preview_knows_no_digest(record: Program) -> None:
    """What is built later is unknown in a preview, and so is all that is made from it."""
    program = """
        image = docker.Image("image", image_name="registry.test:5000/lab/image:1", skip_push=True)
        docker.Volume("data", name=image.repo_digest)
    """
    assert record(program).only(VOLUME).inputs == {"name": UNKNOWN}
    digest = record(program, dry_run=False).only(VOLUME).inputs["name"]
    assert digest.startswith("registry.test:5000/lab/image@sha256:")


def test_outputs_can_be_supplied(record: Program) -> None:
    """A test says what the provider would answer."""
    engine = RecordingEngine(start=forked, outputs=lambda made: {"mountpoint": Secret(f"/at/{made.name}")})
    recording = record("pulumi.export('at', docker.Volume('data').mountpoint)", engine=engine, dry_run=False)
    assert recording.stack_outputs == {"at": Secret("/at/data")}


def test_a_duplicate_urn_is_an_error(record: Program) -> None:
    """Two resources of one type and name under one parent fail the run with the engine's message."""
    recording = record("docker.Volume('data'); docker.Volume('data')")
    [error] = recording.errors
    assert recording.exit_code != 0
    assert error == f"Duplicate resource URN 'urn:pulumi:dev::labform::{VOLUME}::data'; try giving it a unique name"


@pytest.mark.parametrize("start", [started, forked])
def test_a_process_has_its_own_variables_and_folder(record: Program, start: Start, tmp_path: Path) -> None:
    """Nothing of the run before it, whatever that did to its process."""
    engine = RecordingEngine(start=start)
    record("import os; os.environ['LEFT'] = docker.left = '1'; os.chdir('/')", engine=engine)
    seen = record("import os; print(os.getcwd(), {*os.environ} & {'LEFT', 'HAS'}, hasattr(docker, 'left'))",
                  engine=engine, env={"HAS": "1"})  # fmt: skip
    assert (seen.stdout, seen.stderr) == (f"{tmp_path} {{'HAS'}} False\n", "")


def test_a_fork_ends_when_its_time_is_over(record: Program) -> None:
    """By the signal that says so."""
    engine = RecordingEngine(start=forked, timeout=1)
    assert record("import time; time.sleep(30)", engine=engine).exit_code == -signal.SIGALRM


@pytest.mark.parametrize("start", [started, forked])
def test_a_failing_program_gives_its_exit_code_and_message(record: Program, start: Start) -> None:
    """An error meant for users is its message alone, any other comes with the program's own lines."""
    engine = RecordingEngine(start=start)
    meant = record("print('so far'); raise pulumi.RunError('one clear line')", engine=engine)
    assert (meant.exit_code, meant.errors, meant.stdout) == (1, ["one clear line"], "so far\n")
    other = record("raise ValueError('broken')", engine=engine)
    [message] = other.errors
    assert other.exit_code == 32
    assert message.startswith("Program failed with an unhandled exception:\nTraceback")
    assert "run_program.py" not in message
    assert message.rstrip().endswith("ValueError: broken")


HOOKED = """
    def look(args):
        pulumi.info(f"sees {args.new_inputs['driver']}")
        if args.name == "foreign":
            raise RuntimeError("is somebody else's")

    binding = pulumi.ResourceHookBinding(before_create=[pulumi.ResourceHook("look", look)])
"""


def test_hooks_run_on_demand(record: Program) -> None:
    """A before-create hook is bound by name, sees the inputs in an `up`, and sleeps in a preview."""
    program = textwrap.dedent(HOOKED) + "docker.Volume('data', driver='x', opts=pulumi.ResourceOptions(hooks=binding))"
    seen = {dry: record(program, dry_run=dry, run_hooks=True) for dry in (True, False)}
    assert seen[False].only(VOLUME).options.hooks == {"before_create": ["look"]}
    assert [each.message for each in seen[False].diagnostics] == ["sees x"]
    assert (seen[True].diagnostics, record(program, dry_run=False).diagnostics) == ([], [])


def test_a_failing_hook_fails_the_registration(record: Program) -> None:
    """The user reads which hook failed and why, and the program does not go on."""
    program = (
        textwrap.dedent(HOOKED) + "docker.Volume('foreign', driver='x', opts=pulumi.ResourceOptions(hooks=binding))"
    )
    recording = record(program, dry_run=False, run_hooks=True)
    assert recording.exit_code != 0
    assert recording.errors == ['before hook "look" failed: is somebody else\'s']


def test_functions_of_providers_are_written_down(record: Program) -> None:
    """A program that asks a provider during a preview is found out, and a test may answer it."""
    program = "print(docker.get_network(name='lab').driver)"
    assert record(program).invokes == [("docker:index/getNetwork:getNetwork", {"name": "lab"})]
    answering = RecordingEngine(start=forked, invokes=lambda token, arguments: {"driver": f"of {arguments['name']}"})
    assert record(program, engine=answering).stdout == "of lab\n"
