"""Names the pictures of letters and guides: each has an address that never changes."""

import hashlib
import json

from pydantic import BaseModel, ConfigDict

from leadmagnet.content.drawing import DRAWING
from leadmagnet.content.figures import Figure


class Picture(BaseModel):
    """A picture of letters or guides: a figure, or else a file of the operator's."""

    model_config = ConfigDict(frozen=True)

    digest: str  # hex SHA-256 of what it is made from: a figure has its address before it is drawn
    name: str
    media_type: str
    figure: Figure | None = None
    mirrored: bool = False
    file: str | None = None  # path relative to the site

    @property
    def address(self) -> str:
        """Where it lies, below the site's own address."""
        return f"/media/{self.digest}/{self.name}"

    @classmethod
    def of_figure(cls, figure: Figure, *, mirrored: bool = False) -> "Picture":
        """The drawing of `figure` as letters show it."""
        drawn = {"drawing": DRAWING, "mirrored": mirrored, "pose": figure.pose.model_dump(mode="json")}
        digest = hashlib.sha256(json.dumps(drawn, sort_keys=True).encode()).hexdigest()
        name = f"{figure.name}{'-mirrored' if mirrored else ''}.png"
        return cls(digest=digest, name=name, media_type="image/png", figure=figure, mirrored=mirrored)
