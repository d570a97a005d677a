"""Comments: one of ours per pull request, and a token that goes to one server only."""

from collections.abc import Callable, Iterator

import pytest
from labform.forges import Thread, github, gitlab, publish
from labform.problems import LabformError

from tests.ci.forge import Forge, serving

pytestmark = pytest.mark.enable_socket
PAGE = "<!-- labform: plan -->\n## labform plan"
TOKEN = "t0ken"


@pytest.fixture
def forge() -> Iterator[Forge]:
    """A forge with other people's comments, more than one page of them."""
    with serving() as made:
        for number in range(150):
            made.add("anna", f"comment {number}")
        yield made


def thread(forge: Forge, kind: Callable[..., Thread] = github) -> Thread:
    """The same comments as either forge has them."""
    return kind(forge.address, "lab/lab", 7, TOKEN)


@pytest.mark.parametrize("kind", [github, gitlab])
def test_one_comment_is_kept_up_to_date(forge: Forge, kind: Callable[..., Thread]) -> None:
    """Written, left, changed: never a second one, and nobody else's is touched."""
    assert publish(thread(forge, kind), PAGE) == "written"
    assert publish(thread(forge, kind), PAGE) == "up to date"
    assert publish(thread(forge, kind), f"{PAGE} 2") == "changed"
    assert publish(thread(forge, kind), "<!-- labform: preview -->\nx") == "written"
    assert [one["body"] for one in forge.comments[150:]] == [f"{PAGE} 2", "<!-- labform: preview -->\nx"]
    assert [one["body"] for one in forge.comments[:150]] == [f"comment {number}" for number in range(150)]


def test_somebody_elses_mark_is_left_alone(forge: Forge) -> None:
    """A comment that another person may change later is not ours, whatever it begins with."""
    forge.add("mallory", PAGE)
    assert publish(thread(forge), f"{PAGE} 2") == "written"
    assert [one["body"] for one in forge.comments[150:]] == [PAGE, f"{PAGE} 2"]


@pytest.mark.parametrize("code", [302, 401, 500])
def test_a_forge_that_refuses(forge: Forge, code: int) -> None:
    """One error without the token; a redirect is not followed with it."""
    forge.fail = code
    with pytest.raises(LabformError, match=rf"error\[comment\] GET .*: {code}") as error:
        publish(thread(forge), PAGE)
    assert TOKEN not in str(error.value)
    assert len(forge.requests) == 1


def test_a_token_is_not_sent_in_clear() -> None:
    """Nor to a server that is not there."""
    with pytest.raises(LabformError, match="https only"):
        publish(github("http://forge.invalid", "a/b", 1, TOKEN), PAGE)


def test_only_a_page_is_published(forge: Forge) -> None:
    """Text without labform's mark is refused before anything is asked."""
    for text in ("hello", ""):
        with pytest.raises(LabformError, match="mark"):
            publish(thread(forge), text)
    assert forge.requests == []
