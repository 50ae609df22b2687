"""What a recipe can set of each locator. Nothing here imports torch or a runtime."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from mfclip.parts import BuildContext, Locator, Misfit
from mfclip.weights.files import NetworkFile, absent_network, located
from mfclip.weights.names import WeightName

if TYPE_CHECKING:
    from mfclip_faces.centerface import CenterFaceLocator


class CenterFace(Locator):
    """Faces as the peaks of one heat map, after Xu et al., CenterFace, arXiv 1911.03599.

    The picture is scaled down for it, and where that loses much, looked at once more in tiles for
    the small faces. The network's weights are fetched by ``mfclip weights get centerface``.
    """

    modules: ClassVar[tuple[str, ...]] = ("onnxruntime",)
    extra: ClassVar[str | None] = "mfclip[faces]"
    points: ClassVar[bool] = True

    use: Literal["centerface"] = "centerface"
    """Name of the part."""
    weights: NetworkFile = WeightName("centerface")
    """A name of ``mfclip weights list``, or a local .onnx file with the same outputs."""
    score: float = Field(default=0.5, ge=0.05, le=1)
    """Least value of the heat map that is a face, 0-1."""
    overlap: float = Field(default=0.3, gt=0, lt=1)
    """Of two boxes that share more than this of their union, the one with the higher score."""
    side: int = Field(default=640, ge=128, le=4096)
    """Longer side of the picture as the network sees it first, pixels, and side of the tiles."""
    detail: bool = True
    """Look at larger pictures once more, in tiles at up to three times that size, for faces that
    the first look is too coarse for."""

    def misfits(self, context: BuildContext) -> Iterator[Misfit]:
        """Weights that are not there."""
        yield from absent_network(self.weights, context)

    def build(self, context: BuildContext) -> CenterFaceLocator:
        """Make the callable; the network is opened by its first call."""
        from mfclip_faces.centerface import CenterFaceLocator
        from mfclip_faces.network import Network

        network = Network(located(self.weights))
        return CenterFaceLocator(network, self.score, self.overlap, self.side, self.detail)
