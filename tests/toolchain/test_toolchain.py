"""Tools are taken where they are installed, and made once where they are not."""

import os
import shutil
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import toolchain
from toolchain import ToolchainError, cache, docker_build_plugin, engine_build, installed, preparation, toolbox
from toolchain.__main__ import main
from toolchain.go_build import GoProgram
from toolchain.installed import Plugin
from toolchain.virtualenv import Virtualenv

PULUMI = """#!/bin/sh
echo "$@" >> "{log}"
[ "$2" = install ] || exit 0
[ "$6" = --file ] || {{ echo unreachable >&2; exit {download}; }}
mkdir -p "$PULUMI_HOME/plugins/resource-$4-v$5" && cp "$7" "$PULUMI_HOME/plugins/resource-$4-v$5/pulumi-resource-$4"
"""


@pytest.fixture(autouse=True)
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with nothing but a shell: no tools on PATH, an empty home, an empty cache."""
    for name in (
        "PULUMI_HOME",
        "LABFORM_PLUGINS",
        "LABFORM_PLUGINS_VERSION",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.defpath}")
    (tmp_path / "bin").mkdir()
    return tmp_path


def put(path: Path, text: str = "#!/bin/sh\n") -> Path:
    """Write an executable."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def pulumi(bare_machine: Path) -> Path:
    """A `pulumi` which can install a plugin from a file and download none, and which logs its arguments."""
    return put(bare_machine / "bin" / "pulumi", PULUMI.format(log=bare_machine / "log", download=1))


@pytest.fixture
def docker_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment whose only provider SDK is that of Docker."""
    monkeypatch.setattr(Virtualenv, "plugins", lambda self: [{"name": "docker", "version": "5.1.0"}])


def test_what_is_installed_is_used_as_it_is(pulumi: Path, docker_sdk: None, bare_machine: Path) -> None:
    """An installed engine, language host and plugin need no folder, no PULUMI_HOME and no copy of anything."""
    put(bare_machine / "bin" / "pulumi-language-python")
    put(bare_machine / "home" / ".pulumi" / "plugins" / "resource-docker-v5.1.0" / "pulumi-resource-docker")
    tools = toolchain.prepare()
    assert (tools.pulumi, dict(tools.env)) == (pulumi, {"PULUMI_SKIP_UPDATE_CHECK": "true"})
    assert [line.rpartition(" /")[0] or line for line in tools.report] == [
        "engine: installed,", "language host: installed,", "docker plugin 5.1.0: installed",
    ]  # fmt: skip
    assert not cache.root().exists()


def test_an_installation_that_is_not_complete_does_not_count(bare_machine: Path) -> None:
    """A plugin whose download was cut short, or of another version, is not there."""
    plugins = bare_machine / "home" / ".pulumi" / "plugins"
    put(plugins / "resource-docker-v5.1.0" / "pulumi-resource-docker")
    assert installed.is_installed(Plugin("docker", "5.1.0"))
    assert not installed.is_installed(Plugin("docker", "5.2.0"))
    (plugins / "resource-docker-v5.1.0.partial").touch()
    assert not installed.is_installed(Plugin("docker", "5.1.0"))


def test_stand_ins_fill_the_gaps(pulumi: Path, docker_sdk: None, bare_machine: Path) -> None:
    """Without language host and plugin, scripts of this environment's Python lie where the engine looks for them."""
    tools = toolchain.prepare()
    home, host = Path(tools.env["PULUMI_HOME"]), tools.pulumi.with_name("pulumi-language-python")
    script = home / "plugins" / "resource-docker-v5.1.0" / "pulumi-resource-docker"
    assert tools.pulumi.read_bytes() == pulumi.read_bytes()
    assert tools.env["PATH"].startswith(f"{tools.pulumi.parent}{os.pathsep}")
    assert tools.env["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] == "true"
    assert all(sys.executable in file.read_text() and os.access(file, os.X_OK) for file in (script, host))
    assert tools.report[1:] == ("language host: labform's own", "docker plugin 5.1.0: labform's stand-in")
    assert not (bare_machine / "home").exists()


def test_a_plugin_that_is_built_is_built_for_who_wants_it(
    pulumi: Path, bare_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its SDK alone is no reason; who asks for it gets what is installed, or else the build's result."""
    monkeypatch.setattr(Virtualenv, "plugins", lambda self: [{"name": "docker-build", "version": "0.0.22"}])
    built = put(bare_machine / "built" / "pulumi-resource-docker-build")
    monkeypatch.setattr(preparation, "BUILT", {"docker-build": lambda: built})
    assert not any("docker-build" in line for line in toolchain.prepare().report)
    tools = toolchain.prepare(["docker-build"])
    assert tools.report[2:] == ("docker-build plugin 0.0.22: built from its Go modules",)
    place = Path(tools.env["PULUMI_HOME"], "plugins", "resource-docker-build-v0.0.22", "pulumi-resource-docker-build")
    assert place.read_bytes() == built.read_bytes()
    put(bare_machine / "home" / ".pulumi" / "plugins" / "resource-docker-build-v0.0.22" / "x")
    assert toolchain.prepare(["docker-build"]).report[2:] == ("docker-build plugin 0.0.22: installed",)


def test_modules_beside_the_main_one_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program is built anew when a module in its folder changes; the version is the pinned one."""
    assert docker_build_plugin.version() == "0.0.22"
    module = tmp_path / "module"
    shutil.copytree(docker_build_plugin.MODULE, module)
    program = GoProgram(module, "example.org/x", "x", "x", "X", (), "to build X")
    monkeypatch.setattr(GoProgram, "_go_version", lambda self: "go1.26")
    monkeypatch.setattr(GoProgram, "_build", lambda self, folder: None)
    first = program.binary()
    assert program.binary() == first
    stub = module / "java" / "pkg" / "codegen" / "java" / "java.go"
    stub.write_text(stub.read_text() + "// edited\n")
    assert program.binary() != first


def test_a_second_preparation_only_looks(
    pulumi: Path, docker_sdk: None, bare_machine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first run says what it does in one line; the second says and starts nothing, and answers the same."""
    first = toolchain.prepare()
    assert capsys.readouterr().err.count("\n") == 1
    log = (bare_machine / "log").read_text()
    assert toolchain.prepare() == first
    assert (capsys.readouterr().err, (bare_machine / "log").read_text()) == ("", log)


def test_an_edited_stand_in_gets_a_folder_of_its_own(
    pulumi: Path, docker_sdk: None, bare_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plugins are copies keyed by content: two clones share one, an edit never runs what was there before."""
    copied = toolbox.launcher("toolchain.language_host")
    clone = put(bare_machine / "clone" / "toolchain" / "docker_plugin" / "__main__.py", "").parents[1]
    for module, name in ((toolbox, "PACKAGE"), (preparation, "PACKAGE")):
        monkeypatch.setattr(module, name, clone)
    before = toolchain.prepare()
    assert toolbox.launcher("toolchain.language_host") != copied
    (clone / "docker_plugin" / "__main__.py").write_text("edited = True", encoding="utf-8")
    assert toolchain.prepare().env["PULUMI_HOME"] != before.env["PULUMI_HOME"]


def test_official_plugins_come_from_the_named_folder(
    pulumi: Path, docker_sdk: None, bare_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LABFORM_PLUGINS replaces the stand-ins it has an official file for, in the version asked for."""
    official = bare_machine / "official"
    for name in ("pulumi-resource-docker", "pulumi-language-python", "pulumi-language-python-exec"):
        put(official / name, f"official {name}")
    monkeypatch.setenv("LABFORM_PLUGINS", str(official))
    monkeypatch.setenv("LABFORM_PLUGINS_VERSION", "v5.2.0")
    tools = toolchain.prepare()
    plugin = Path(tools.env["PULUMI_HOME"], "plugins", "resource-docker-v5.2.0", "pulumi-resource-docker")
    assert plugin.read_text() == "official pulumi-resource-docker"
    assert tools.pulumi.with_name("pulumi-language-python-exec").read_text() == "official pulumi-language-python-exec"
    assert tools.report[2] == f"docker plugin 5.2.0: official, {official / 'pulumi-resource-docker'}"


def test_a_download_site_is_asked_once_a_day(pulumi: Path, bare_machine: Path) -> None:
    """A site out of reach costs its seconds once, until the next day."""
    plugin, fact = Plugin("docker", "5.1.0"), cache.root() / "facts" / "no-download-of-docker-5.1.0"
    assert [installed.is_downloaded(plugin, pulumi) for _ in range(3)] == [False] * 3
    assert (bare_machine / "log").read_text() == "plugin install resource docker v5.1.0\n"
    os.utime(fact, (0, 0))
    assert not installed.is_downloaded(plugin, pulumi)
    assert (bare_machine / "log").read_text().count("\n") == 2


def test_a_download_is_what_pulumi_would_have_done(bare_machine: Path) -> None:
    """A plugin within reach goes to the user's own PULUMI_HOME, as during an `up`."""
    pulumi = put(bare_machine / "bin" / "pulumi", PULUMI.format(log=bare_machine / "log", download=0))
    assert installed.is_downloaded(Plugin("docker", "5.1.0"), pulumi)


def test_our_own_tools_are_not_taken_for_installed_ones(
    pulumi: Path, docker_sdk: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that runs under `python -m toolchain --` may call it again and gets the same tools."""
    tools = toolchain.prepare()
    for name, value in tools.env.items():
        if not name.startswith("PULUMI_DISABLE"):
            monkeypatch.setenv(name, value)
    again = toolchain.prepare()
    assert (again.pulumi, again.report) == (tools.pulumi, tools.report)


@pytest.mark.parametrize(
    ("go", "complaint"), [(None, "install the Pulumi CLI or Go"), ("go1.21.9", "the installed one is go1.21.9")]
)
def test_what_is_missing_is_one_line(
    go: str | None,
    complaint: str,
    bare_machine: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Without engine and a fitting Go, the command ends with what to install and no traceback."""
    monkeypatch.setenv("PATH", str(bare_machine / "bin"))
    if go:
        put(bare_machine / "bin" / "go", f"#!/bin/sh\necho {go}\n")
    assert main([]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: there is no `pulumi` on PATH, and to build it needs Go 1.26 or newer")
    assert (complaint in error, error.count("\n")) == (True, 1)


GO = '#!/bin/sh\nif [ "$1" = env ]; then echo go1.26.8; exit; fi\n'


def test_the_engine_is_built_once(bare_machine: Path) -> None:
    """Two runs at once build one binary, with the pinned version in it, and later runs only look."""
    build = 'echo "$@" >> "$HOME.log"\nsleep 0.3\nwhile [ "$1" != -o ]; do shift; done\ntouch "$2"\n'
    put(bare_machine / "bin" / "go", GO + build)
    found: list[Path] = []
    threads = [threading.Thread(target=lambda: found.append(engine_build.engine())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [engine_build.engine()] * 2
    [built] = (bare_machine / "home.log").read_text().splitlines()
    assert built.startswith("build -trimpath")
    assert f"Version={engine_build.version()}" in built


def test_a_failed_build_leaves_nothing_but_its_log(bare_machine: Path) -> None:
    """The last line of a failed build is the error, and the next run builds again."""
    put(bare_machine / "bin" / "go", GO + "echo first; echo no space left; exit 1\n")
    with pytest.raises(ToolchainError, match=r"failed: no space left \(all of it: .*engine-build.log\)"):
        engine_build.engine()
    assert not [path for path in (cache.root() / "engine").iterdir() if path.is_dir()]


def test_a_command_runs_with_the_tools(pulumi: Path, docker_sdk: None) -> None:
    """`python -m toolchain -- CMD` becomes the command: its exit code, and our engine first on its PATH."""
    command = [sys.executable, "-m", "toolchain", "--", "sh", "-c", "command -v pulumi; exit 7"]
    ended = subprocess.run(
        command, capture_output=True, text=True, cwd=Path(toolchain.__file__).parents[1], check=False
    )
    assert ended.returncode == 7
    assert Path(ended.stdout.strip()).is_relative_to(cache.root())
