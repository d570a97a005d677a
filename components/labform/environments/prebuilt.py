"""Environments that somebody else builds: a team's own CI, a vendor."""

from typing import Literal

from labform.declaration import ImageName
from labform.environments.debian import AptNeed
from labform.environments.image_layer import ImageEnvironment
from labform.environments.recipe import Recipe, Site


class Prebuilt(ImageEnvironment):
    """An image of a registry, made usable for any uid by one thin layer; the image needs a shell, not Python."""

    kind: Literal["prebuilt"]
    """An image that exists."""
    image: ImageName
    """`name:tag` (the lock holds its digest) or `name@sha256:…`."""

    def images(self, _site: Site) -> tuple[str, ...]:
        """The images that the lock has to know by digest."""
        return (self.image,)

    def apt_need(self, _site: Site) -> AptNeed:
        """The Debian packages whose versions the lock has to know."""
        return self._apt_need(self.image)

    def recipe(self, site: Site) -> Recipe:
        """One layer on the image: home and mount points that any uid may write to."""
        return Recipe(f"FROM {site.pin(self.image)}\n{self._last_layer(site)}")
