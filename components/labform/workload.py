"""What a project is inside its container, whatever runs it: its command, variables, files and labels. Pure."""

from labform.naming import HOME, LAB_LABEL, OWNER_LABEL, PROJECT_LABEL, SECRETS
from labform.people import Person
from labform.project import CodeServer, Command, Jupyter, ProjectArgs

TOKEN_KEY = "jupyter-token"  # noqa: S105  a name
"""The name of the secret file that JupyterLab reads its token from."""
TOKEN_FILE = f"{SECRETS}/{TOKEN_KEY}"
"""Where JupyterLab finds its token; never in its arguments, which everybody on the host can read."""
CODE_SERVER_KEY = "code-server.yaml"
"""The name of the secret file that is code-server's configuration, with its password."""
GENERATION_LABEL = "labform.generation"
"""The label that says which generation of a run this is, so that a new one runs it again."""

_SYSTEM_USERS = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
_CODE_SERVER = (f"--bind-addr=0.0.0.0:{CodeServer.port}", "--auth=password", "--disable-telemetry",
                "--disable-update-check")  # fmt: skip
"""Who has the token gets in, from where the port is published; it reports and asks nothing elsewhere."""
_CODE_SERVER_HEALTH = f"""\
url=http://127.0.0.1:{CodeServer.port}/healthz
if command -v curl >/dev/null; then exec curl --fail --silent --output /dev/null --noproxy '*' "$url"; fi
exec python3 -c "import urllib.request as u; u.build_opener(u.ProxyHandler({{}})).open('$url', timeout=3)"
"""
"""An image with code-server need not have Python; what `/healthz` answers needs no token."""
_HEALTH = "import urllib.request as u; u.urlopen('http://127.0.0.1:8888/api', timeout=3)"


def command(args: ProjectArgs) -> list[str]:
    """The program and its arguments, run without a shell; how a deadline is kept is the backend's."""
    if args.run:
        return [*args.run.command]
    if isinstance(args.service, Command):
        return [*args.service.command]
    if isinstance(args.service, CodeServer):
        return ["code-server", "--config", f"{SECRETS}/{CODE_SERVER_KEY}", *_CODE_SERVER, notebooks(args)]
    port = f"--ServerApp.port={Jupyter.port}"
    root = f"--ServerApp.root_dir={notebooks(args)}"
    # The login page would let whoever has a token set a password, which would outlive the token.
    fixed = ["--ServerApp.port_retries=0", "--PasswordIdentityProvider.allow_password_change=False"]
    return ["jupyter", "lab", "--no-browser", "--ServerApp.ip=0.0.0.0", port, *fixed, root]


def notebooks(args: ProjectArgs) -> str:
    """Where people work: as declared, else the first writable mount, else the home."""
    declared = args.service.directory if isinstance(args.service, (Jupyter, CodeServer)) else None
    return declared or next((mount.path for mount in args.mounted().values() if not mount.read_only), HOME)


def health(args: ProjectArgs) -> list[str] | None:
    """The command that exits 0 in the container when the service works; None where running is healthy."""
    if isinstance(args.service, Jupyter):
        return ["python", "-c", _HEALTH]
    if isinstance(args.service, CodeServer):
        return ["/bin/sh", "-c", _CODE_SERVER_HEALTH]
    return [*args.service.health] if args.service and args.service.health else None


def variables(args: ProjectArgs, *, gpus: bool) -> dict[str, str]:
    """The variables in clear. A project without GPUs sees none, even where NVIDIA's runtime is the default one."""
    plain = {"HOME": HOME, "USER": args.owner, "LOGNAME": args.owner, **args.env}
    if not gpus:
        plain["NVIDIA_VISIBLE_DEVICES"] = "void"
    if isinstance(args.service, Jupyter):
        plain["JUPYTER_TOKEN_FILE"] = TOKEN_FILE
    return dict(sorted(plain.items()))


def token_key(args: ProjectArgs) -> str | None:
    """The name of the secret file that holds the service's token; None for what has none."""
    if isinstance(args.service, CodeServer):
        return CODE_SERVER_KEY
    return TOKEN_KEY if isinstance(args.service, Jupyter) else None


def around_token(args: ProjectArgs) -> tuple[str, str]:
    """What stands before and after the token in its file: nothing, or code-server's configuration."""
    return ('password: "', '"\n') if isinstance(args.service, CodeServer) else ("", "")


def owner_files(args: ProjectArgs, person: Person, lab: str) -> dict[str, str]:
    """Files that make the owner known to `whoami`, git and ssh, by their paths."""
    uid, gid, owner = person.uid, person.gid or person.uid, args.owner
    users = f"{_SYSTEM_USERS}{owner}:x:{uid}:{gid}:{owner}:{HOME}:/bin/sh\n"
    groups = f"root:x:0:\nnogroup:x:65534:\n{owner}:x:{gid}:\n"
    git = f"[user]\n\tname = {owner}\n\temail = {person.email or f'{owner}@{lab}'}\n"
    return {"/etc/passwd": users, "/etc/group": groups, "/etc/gitconfig": git}


def labels(lab: str, name: str, args: ProjectArgs) -> dict[str, str]:
    """What a container belongs to; of a run its generation too, so that a new one runs it again."""
    given = {LAB_LABEL: lab, PROJECT_LABEL: name, OWNER_LABEL: args.owner}
    return given | ({GENERATION_LABEL: str(args.run.generation)} if args.run else {})
