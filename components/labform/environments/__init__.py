"""Ways to describe an environment; one file each, and one line here."""

from typing import Annotated

from pydantic import Field

from labform.environments.dockerfile import Dockerfile
from labform.environments.pip import Pip
from labform.environments.prebuilt import Prebuilt
from labform.environments.recipe import Recipe, RecipeError, Site
from labform.environments.uv import Uv

Environment = Annotated[Uv | Pip | Dockerfile | Prebuilt, Field(discriminator="kind")]
"""How a project's image is described."""

__all__ = ["Dockerfile", "Environment", "Pip", "Prebuilt", "Recipe", "RecipeError", "Site", "Uv"]
