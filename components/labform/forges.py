"""One comment of ours on a pull request, at GitHub or GitLab: written once, then kept up to date.

It is found by its first line and by who wrote it: a comment of somebody else that begins the same way is left alone,
because its author could change it after us.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from labform.problems import LabformError

_PAGES = 100
_TIMEOUT = 30
"""Pages of a hundred comments that are looked through, and seconds for each request."""


@dataclass(frozen=True)
class Thread:
    """Where comments of one pull request are: the list's address, who we are, how each comment is changed."""

    comments: str
    author: str
    headers: Mapping[str, str]
    one: str
    update: str
    secret: str

    def writer(self, comment: Mapping[str, Any]) -> str:
        """Who wrote a comment."""
        user = comment.get("user") or comment.get("author") or {}
        return str(user.get("login") or user.get("username") or "")


def github(api: str, repository: str, number: int, token: str, author: str | None = None) -> Thread:
    """A pull request of GitHub; without `author` it is `github-actions[bot]`, whose a workflow's own token is."""
    root = f"{api}/repos/{repository}/issues"
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"}
    who = author or "github-actions[bot]"
    return Thread(f"{root}/{number}/comments", who, headers, f"{root}/comments", "PATCH", token)


def gitlab(api: str, project: str, number: int, token: str, author: str | None = None) -> Thread:
    """A merge request of GitLab; without `author` GitLab is asked whose token it is, LabformError if it refuses."""
    root = f"{api}/projects/{quote(project, safe='')}/merge_requests/{number}/notes"
    thread = Thread(root, author or "", {"PRIVATE-TOKEN": token}, root, "PUT", token)
    return thread if author else replace(thread, author=str(_asked(thread, "GET", f"{api}/user")["username"]))


def publish(thread: Thread, body: str) -> str:
    """Change our comment, or write it where there is none; return which. LabformError if the forge refuses."""
    marker = body.partition("\n")[0]
    if not (marker.startswith("<!-- labform") and marker.endswith("-->")):
        raise LabformError("error[comment] the text does not begin with labform's mark; write it with --markdown")
    found = next((one for one in _comments(thread) if _ours(thread, one, marker)), None)
    if found is None:
        _asked(thread, "POST", thread.comments, {"body": body})
        return "written"
    if found.get("body") == body:
        return "up to date"
    _asked(thread, thread.update, f"{thread.one}/{int(found['id'])}", {"body": body})
    return "changed"


def _ours(thread: Thread, comment: Mapping[str, Any], marker: str) -> bool:
    lines = str(comment.get("body") or "").splitlines()
    return lines[:1] == [marker] and thread.writer(comment) == thread.author


def _comments(thread: Thread) -> Iterator[Mapping[str, Any]]:
    for page in range(1, _PAGES + 1):
        found = _asked(thread, "GET", f"{thread.comments}?per_page=100&page={page}")
        yield from found
        if len(found) < 100:
            return


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A token is for one server, so no answer may send it to another."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """None: the redirect is an error."""


def _asked(thread: Thread, method: str, address: str, data: Mapping[str, Any] | None = None) -> Any:
    if not address.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
        raise LabformError("error[comment] a token is sent by https only")
    body = json.dumps(data).encode() if data is not None else None
    headers = {**thread.headers, "Content-Type": "application/json", "User-Agent": "labform"}
    request = urllib.request.Request(address, data=body, headers=headers, method=method)  # noqa: S310  checked above
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=_TIMEOUT) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        said = error.read(300).decode("utf-8", "replace").replace(thread.secret, "[secret]")
        raise LabformError(f"error[comment] {method} {address}: {error.code} {said}") from None
    except (OSError, ValueError) as error:
        raise LabformError(f"error[comment] {method} {address}: {error}") from None
