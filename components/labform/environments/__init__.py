"""Ways to describe an environment; one file each, and one line here."""

from typing import Annotated, Any

from pydantic import Discriminator, Field, JsonValue, Tag

from labform.environments.conda import Conda
from labform.environments.detection import Detected
from labform.environments.devcontainer import Devcontainer
from labform.environments.dockerfile import Dockerfile
from labform.environments.pip import Pip
from labform.environments.pixi import Pixi
from labform.environments.prebuilt import Prebuilt
from labform.environments.recipe import Recipe, RecipeError, Site
from labform.environments.uv import Uv

_KINDS = {
    "uv": Uv,
    "pip": Pip,
    "conda": Conda,
    "pixi": Pixi,
    "dockerfile": Dockerfile,
    "devcontainer": Devcontainer,
    "prebuilt": Prebuilt,
    "detect": Detected,
}
_DEFINITIONS: dict[str, JsonValue] = {kind: f"#/$defs/{one.__name__}" for kind, one in _KINDS.items()}
"""Where the schema has each kind: pydantic leaves it out for a discriminator that is a function."""


def _kind(given: Any) -> Any:
    """The kind that is written; of a folder without one, that its files tell it; else none, which is an error."""
    if not isinstance(given, dict):
        return getattr(given, "kind", "detect")
    return given.get("kind", "detect" if given.keys() & {"directory", "git"} else None)


Environment = Annotated[
    Annotated[Uv, Tag("uv")]
    | Annotated[Pip, Tag("pip")]
    | Annotated[Conda, Tag("conda")]
    | Annotated[Pixi, Tag("pixi")]
    | Annotated[Dockerfile, Tag("dockerfile")]
    | Annotated[Devcontainer, Tag("devcontainer")]
    | Annotated[Prebuilt, Tag("prebuilt")]
    | Annotated[Detected, Tag("detect")],
    Discriminator(_kind),
    Field(json_schema_extra={"discriminator": {"propertyName": "kind", "mapping": _DEFINITIONS}}),
]
"""How a project's image is described."""

__all__ = [
    "Conda",
    "Detected",
    "Devcontainer",
    "Dockerfile",
    "Environment",
    "Pip",
    "Pixi",
    "Prebuilt",
    "Recipe",
    "RecipeError",
    "Site",
    "Uv",
]
