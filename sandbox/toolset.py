"""The programs of the sandbox: Debian's packages, extracted into the cache, never installed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolchain.once import made_once

from . import debian
from .commands import run
from .errors import SandboxError
from .layout import cache_directory

Progress = Callable[[str], None]

TESTED = {"docker.io": "20.10.24", "docker-registry": "2.8.2"}
"""Upstream versions (Debian 12) that the sandbox's tests ran with."""

PACKAGES = ("docker.io", "containerd", "runc", "iptables", "tini", "docker-registry", "debootstrap")

LATER_SUITE, LATER_DOCKER = "forky", "28.5.2"
"""The Debian whose Docker, of that version when it was tested, knows CDI; its programs run on Debian 12's C library."""

REVISION = "3"
"""Part of the cache's key: raised when the way of extracting changes."""

GPU_HOOK = "#!/bin/sh\ncat >/dev/null\n"
"""A daemon accepts GPU requests if a program of this name is on its PATH; it is called with JSON on stdin."""

RUNC = """\
#!/bin/sh
for word; do
  case $last in --bundle) spec=$word/config.json ;; --process) spec=$word ;; esac
  last=$word
done
if [ "$spec" ] && ! (ulimit -l unlimited) 2>/dev/null; then
  most=$(($(ulimit -Hl) * 1024))
  old='"RLIMIT_MEMLOCK","hard":[0-9]*,"soft":[0-9]*'
  sed -i "s/$old/\\"RLIMIT_MEMLOCK\\",\\"hard\\":$most,\\"soft\\":$most/" "$spec"
fi
exec "${0%/*}/../usr/sbin/runc" "$@"
"""
"""Lowers the locked memory that containers with IPC_LOCK ask for to what there is, where even root may not raise it."""


@dataclass(frozen=True)
class Toolset:
    """Extracted packages below `directory`."""

    directory: Path
    later: Path | None = None
    """A later Docker's packages, whose programs come first."""

    @property
    def docker(self) -> Path:
        """The Docker client, which knows BuildKit without plugins."""
        return self.program("docker")

    def program(self, name: str) -> Path:
        """The path of an extracted program; SandboxError if the packages have none of this name."""
        for directory in filter(None, (self.later, self.directory)):
            for folder in ("usr/sbin", "usr/bin", "sbin", "bin"):
                if (path := directory / folder / name).exists():
                    return path
        raise SandboxError(f"Debian's packages have no {name} here: the sandbox is tested with Debian 12's")

    @property
    def environment(self) -> dict[str, str]:
        """What the extracted programs need to find each other, their libraries and plugins."""
        folders = [self.directory / name for name in ("labform-bin", "usr/sbin", "usr/bin", "sbin", "bin")]
        if self.later:
            folders[:0] = [self.later / "usr/sbin", self.later / "usr/bin"]
        # Last, so that a GPU machine's real hook is found first.
        stub = self.directory / "labform-stub"
        libraries = {path.parent for path in self.directory.glob("**/lib/*/*.so*")}
        xtables = next(iter(self.directory.glob("usr/lib/*/xtables")), self.directory)
        system = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"
        return {
            "PATH": ":".join([*map(str, folders), system, str(stub)]),
            "LD_LIBRARY_PATH": ":".join(sorted(map(str, libraries - {xtables}))),
            "XTABLES_LIBDIR": str(xtables),
            "DEBOOTSTRAP_DIR": str(self.directory / "usr/share/debootstrap"),
        }


def obtain(progress: Progress) -> Toolset:
    """The toolset of this machine's release and architecture, downloaded once per cache."""
    name = f"toolset-{debian.release('VERSION_CODENAME')}-{os.uname().machine}-{REVISION}"
    directory = cache_directory() / name
    if not directory.is_dir():
        progress("fetching Docker and a registry from Debian's packages: about 10 seconds, once")
    return Toolset(made_once(directory, lambda target: _extract(target, progress)))


def obtain_later(progress: Progress) -> Toolset:
    """The same with a later Debian's Docker daemon, which knows CDI; 50 MB more, downloaded once per cache."""
    directory = cache_directory() / f"docker-{LATER_SUITE}-{os.uname().machine}-1"
    if not directory.is_dir():
        progress(f"fetching Docker {LATER_DOCKER} from {LATER_SUITE}'s packages: about 15 seconds, once")
    return Toolset(obtain(progress).directory, made_once(directory, lambda target: _extract_later(target, progress)))


def _extract_later(target: Path, progress: Progress) -> None:
    with tempfile.TemporaryDirectory(dir=target) as scratch:
        debian.refresh(Path(scratch))
        found = debian.download_of(LATER_SUITE, ("docker.io", "containerd"), Path(scratch))
        extract(found, target, {"docker.io": LATER_DOCKER}, progress)


def extract(archives: Sequence[Path], target: Path, tested: Mapping[str, str], progress: Progress) -> None:
    """Lay out packages below `target`, with a warning for each of another upstream version than was tested."""
    for archive in archives:
        name, version = debian.fields(archive)
        # The C library belongs to the host's loader; another one on LD_LIBRARY_PATH breaks every program.
        if name in ("libc6", "libc-bin"):
            continue
        if version != tested.get(name, version):
            progress(f"warning: {name} {version} is not {tested[name]}, which the sandbox is tested with")
        run(["dpkg-deb", "--extract", archive, target], doing=f"extract {name}")


def _extract(target: Path, progress: Progress) -> None:
    with tempfile.TemporaryDirectory(dir=target) as scratch:
        debian.refresh(Path(scratch))
        extract(debian.download(PACKAGES, Path(scratch)), target, TESTED, progress)
    _add_own_programs(Toolset(target))


def _add_own_programs(tools: Toolset) -> None:
    own, stub = tools.directory / "labform-bin", tools.directory / "labform-stub"
    own.mkdir()
    stub.mkdir()
    for program, text in {stub / "nvidia-container-runtime-hook": GPU_HOOK, own / "runc": RUNC}.items():
        program.write_text(text)
        program.chmod(0o755)
    link_iptables(tools)
    for name in ("dockerd", "docker", "docker-registry", "docker-proxy", "runc", "debootstrap"):
        tools.program(name)


def link_iptables(tools: Toolset) -> None:
    """Make `iptables` the variant that this machine's kernel has, among the tools' own programs."""
    variant = _iptables_variant(tools)
    for family in ("iptables", "ip6tables"):
        (tools.directory / "labform-bin" / family).symlink_to(f"../usr/sbin/xtables-{variant}-multi")


def _iptables_variant(tools: Toolset) -> str:
    """The kernel interface that works here: nft as on a new Debian, legacy where only that is built in."""
    try:
        run([tools.program("iptables-nft"), "-t", "nat", "-S"], doing="try nft", env=tools.environment)
    except SandboxError:
        return "legacy"
    return "nft"
