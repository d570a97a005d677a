"""The real code-server takes the command, the configuration and the check that labform gives it."""

import json
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path

import pytest
from labform import workload
from labform.naming import SECRETS

from tests import npm
from tests.engine.bench import FIRST_PORT, until
from tests.labs import args

pytestmark = [
    pytest.mark.sandbox,
    npm.NEEDS_NPM,
    pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl here"),
]
VERSION = "4.100.3"
"""The last one for Node 20; configuration and flags are those of later ones."""
PORT = str(FIRST_PORT + 98)
TOKEN = "12345e678901234567890123456789012345678901234567"
"""As an HMAC may be: to YAML a number, were it not in quotes."""
PROJECT = args(service={"kind": "code-server"})


@pytest.fixture(scope="module")
def program() -> Path:
    """code-server with what it needs to show its page: its password library is compiled, terminals are left out."""
    inner = ("lib/vscode", "install", "--ignore-scripts", "--omit=dev", "--legacy-peer-deps")
    compiled = ("../..", "rebuild", "argon2", "--build-from-source")
    return npm.program("code-server", VERSION, "code-server", folder="code-server", then=(compiled, inner))


@pytest.fixture(scope="module")
def url(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A code-server that runs as in a project's container, less the container."""
    home, secrets = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("secrets")
    before, after = workload.around_token(PROJECT)
    (secrets / str(workload.token_key(PROJECT))).write_text(before + TOKEN + after)
    words = [
        here(word).replace(SECRETS, str(secrets)).replace("/home/lab", str(home)) for word in workload.command(PROJECT)
    ]
    env = {"HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin"}
    with subprocess.Popen([program, *words[1:]], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            until(lambda: healthy() == 0, "code-server answers")
            yield f"http://127.0.0.1:{PORT}"
        finally:
            process.terminate()


def here(word: str) -> str:
    """A word with a port of this machine's own."""
    return word.replace("0.0.0.0:8080", f"127.0.0.1:{PORT}").replace("127.0.0.1:8080", f"127.0.0.1:{PORT}")


def healthy() -> int:
    """The exit code of the health check."""
    check = [here(word) for word in workload.health(PROJECT) or []]
    return subprocess.run(
        check, check=False, capture_output=True, env={"PATH": "/usr/bin:/bin", "http_proxy": "http://127.0.0.1:9"}
    ).returncode


def page(url: str, password: str) -> str:
    """The page that one sees who gives a password."""
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(CookieJar())
    )
    data = urllib.parse.urlencode({"password": password}).encode()
    with opener.open(f"{url}/login", data=data, timeout=30) as answer:
        return str(answer.read().decode())


def test_the_token_opens_the_workbench(url: str) -> None:
    """VS Code's own page, with the folder that the project has."""
    assert "vscode-workbench-web-configuration" in page(url, TOKEN)


def test_nothing_else_does(url: str) -> None:
    """Neither another password nor none."""
    assert "Incorrect password" in page(url, TOKEN[:-1])
    with urllib.request.urlopen(url, timeout=30) as answer:
        assert answer.url.endswith("/login")


def test_the_check_needs_no_token_and_sees_a_dead_server(url: str) -> None:
    """And no proxy is asked for what is here."""
    assert healthy() == 0
    with urllib.request.urlopen(f"{url}/healthz", timeout=30) as answer:
        assert json.load(answer)["status"] in {"alive", "expired"}
    check = (workload.health(PROJECT) or [])[:2]
    script = here((workload.health(PROJECT) or [])[2]).replace(PORT, str(FIRST_PORT + 97))
    assert subprocess.run([*check, script], check=False, capture_output=True).returncode != 0
