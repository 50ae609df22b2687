"""The vision side the plain way: scikit-image for the patches, image by image, NCHW, fp32."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy.typing import NDArray
from skimage.feature import graycomatrix, graycoprops
from torch import Tensor, nn

from mfclip_vision.cvit import CvitEncoder
from mfclip_vision.mve import MultiModalVisionEncoder
from mfclip_vision.noise import SrmNoiseEncoder


def grey(image: Float[Tensor, "3 height width"]) -> UInt8[NDArray, "height width"]:
    """0.2989 R + 0.587 G + 0.114 B, times 255, cut to uint8, on the CPU in float64."""
    red, green, blue = image.detach().cpu().numpy().astype(np.float64)
    return ((0.2989 * red + 0.587 * green + 0.114 * blue) * 255).astype(np.uint8)


def patch_homogeneity(patch: UInt8[NDArray, "p p"]) -> float:
    """By the matrix: distance 1, angle 0, 256 levels, symmetric, normed."""
    matrix = graycomatrix(patch, [1], [0], levels=256, symmetric=True, normed=True)
    return float(graycoprops(matrix, "homogeneity")[0, 0])


def patch_homogeneities(
    image: Float[Tensor, "3 height width"], patch_size: int
) -> Float[NDArray, "rows columns"]:
    """Of every patch of one image."""
    levels = grey(image)
    rows, columns = (side // patch_size for side in levels.shape)
    cut = levels.reshape(rows, patch_size, columns, patch_size).swapaxes(1, 2)
    return np.array([[patch_homogeneity(patch) for patch in row] for row in cut])


def richest_patch(
    image: Float[Tensor, "3 height width"], patch_size: int
) -> Float[Tensor, "3 p p"]:
    """The patch of lowest homogeneity of one image."""
    scores = patch_homogeneities(image, patch_size)
    row, column = (int(n) * patch_size for n in np.unravel_index(scores.argmin(), scores.shape))
    return image[:, row : row + patch_size, column : column + patch_size]


class NaiveVision(nn.Module):
    """The same encoder, the same weights, none of the care. Same outputs up to rounding.

    Takes the encoder as it was trained: batch norms not folded into convolutions.
    """

    def __init__(self, encoder: MultiModalVisionEncoder) -> None:
        super().__init__()
        if not isinstance(encoder.image, CvitEncoder):
            raise TypeError(f"the yardstick reads cvit, got {type(encoder.image).__name__}")
        if not isinstance(encoder.noise, SrmNoiseEncoder):
            raise TypeError(f"the yardstick reads srm-noise, got {type(encoder.noise).__name__}")
        self.image = encoder.image
        self.noise = encoder.noise

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch d"]:
        """X_v = X_i + N_n."""
        return self.encode_images(images) + self.encode_noise(images)

    def encode_images(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch d"]:
        """X_i, channels first."""
        normalised = ((images - self.image.mean) / self.image.std).contiguous()
        features = self.image.cnn(normalised)
        return self.image.transformer(self.image.project(features.flatten(1)).unsqueeze(1))

    def encode_noise(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch d"]:
        """N_n, with patch and residual found for one image after the other."""
        patches = [richest_patch(image, self.noise.patch_size) for image in images]
        noise = torch.cat([self.noise.srm(patch.unsqueeze(0)) for patch in patches])
        features = self.noise.cnn(noise)
        return self.noise.transformer(self.noise.project(features.flatten(1)).unsqueeze(1))
