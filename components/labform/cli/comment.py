"""`labform comment` and `labform ci`: what a pipeline needs to say on a pull request what a change does."""

import os
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from labform.cli import typer_app
from labform.forges import github, gitlab, publish
from labform.problems import LabformError, suggestion

_REPOSITORY = ["GITHUB_REPOSITORY", "CI_PROJECT_ID"]
PLACES = {"github": Path(".github/workflows"), "gitlab": Path()}


@typer_app.command()
def comment(
    text: Annotated[
        typer.FileText,
        typer.Argument(metavar="PAGE", help="A page of `labform plan --markdown`; - for standard input."),
    ],
    repository: Annotated[
        str, typer.Option("--repository", help="Its path; at GitLab its number too.", envvar=_REPOSITORY)
    ],
    number: Annotated[int, typer.Option("--number", help="The pull request's.", envvar="CI_MERGE_REQUEST_IID", min=1)],
    author: Annotated[
        str | None, typer.Option("--author", help="Whose comment it is. Default: the token's user.")
    ] = None,
    forge: Annotated[str, typer.Option("--forge", help="github or gitlab.")] = "github",
) -> None:
    """Write a page on a pull request, or bring the one there up to date.

    The token is read from GITHUB_TOKEN or GITLAB_TOKEN, the forge's address from GITHUB_API_URL or CI_API_V4_URL.

    Example: labform comment plan.md --repository lab/lab --number 7
    """
    if forge not in PLACES:
        raise LabformError(f'--forge "{forge}": {suggestion(forge, PLACES)}')
    name, default = (
        ("GITHUB", "https://api.github.com") if forge == "github" else ("GITLAB", "https://gitlab.com/api/v4")
    )
    token = os.environ.get(f"{name}_TOKEN")
    if not token:
        raise LabformError(f"error[comment] there is no {name}_TOKEN in the environment")
    api = os.environ.get("GITHUB_API_URL" if forge == "github" else "CI_API_V4_URL") or default
    thread = (github if forge == "github" else gitlab)(api.rstrip("/"), repository, number, token, author)
    print(f"comment {publish(thread, text.read())}")


@typer_app.command()
def ci(
    forge: Annotated[str, typer.Argument(metavar="FORGE", help="github or gitlab.")],
    folder: Annotated[Path, typer.Option("--folder", metavar="FOLDER", help="The repository.")] = Path(),
) -> None:
    """Write the pipelines for a lab's repository: check, plan, preview, build, deploy, drift.

    A file that is there is left alone.

    Example: labform ci github
    """
    if forge not in PLACES:
        raise LabformError(f'"{forge}": {suggestion(forge, PLACES)}')
    place = folder / PLACES[forge]
    place.mkdir(parents=True, exist_ok=True)
    for template in sorted((resources.files("labform") / "ci" / forge).iterdir(), key=lambda one: one.name):
        path = place / (".gitlab-ci.yml" if forge == "gitlab" else template.name)
        if path.exists():
            print(f"{path}: is there already, left alone")
            continue
        path.write_text(template.read_text())
        print(f"{path}: written")
