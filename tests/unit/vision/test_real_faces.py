"""The patch selector against scikit-image on photographs, where a folder of them is at hand."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.feature import graycomatrix, graycoprops

from mfclip_vision.homogeneity import homogeneity
from mfclip_vision.patches import choose_patches

FACES = os.environ.get("MFCLIP_FACES", "")
SIZE = 224
EACH = {16: 6, 28: 10, 32: 12, 56: 40, 112: 100, 224: 100}
"""Images for each patch size: the oracle is slow where patches are small."""

pytestmark = [
    pytest.mark.faces,
    pytest.mark.skipif(not FACES, reason="set MFCLIP_FACES to a folder of face images"),
]


def oracle(image: np.ndarray, p: int) -> np.ndarray:
    """Homogeneity of each patch by co-occurrence matrices, row by row."""
    grey = image.astype(np.float64) @ np.array([0.2989, 0.587, 0.114])
    levels = np.floor(grey + 5e-5).astype(np.uint8)
    patches = [levels[y : y + p, x : x + p] for y in range(0, SIZE, p) for x in range(0, SIZE, p)]
    matrices = (graycomatrix(q, [1], [0], 256, symmetric=True, normed=True) for q in patches)
    return np.array([graycoprops(matrix, "homogeneity")[0, 0] for matrix in matrices])


@pytest.mark.parametrize("p", EACH)
def test_same_homogeneity_and_same_choice_on_photographs(p: int) -> None:
    files = sorted(Path(FACES).rglob("*.jpg"))[:: max(1, 4000 // EACH[p])][: EACH[p]]
    assert len(files) == EACH[p]
    images = [np.asarray(Image.open(f).convert("RGB").resize((SIZE, SIZE))) for f in files]
    batch = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255
    expected = np.stack([oracle(image, p) for image in images])
    assert np.abs(homogeneity(batch, p).flatten(1).numpy() - expected).max() < 1e-5
    assert (choose_patches(batch, p).numpy() == expected.round(12).argmin(1)).all()
