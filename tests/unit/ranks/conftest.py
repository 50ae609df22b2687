from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from mfclip.data.labels import HierarchicalLabel
from mfclip.data.manifest import Manifest, Row


@pytest.fixture
def faces(tmp_path: Path) -> Manifest:
    """18 plain images, real and fake by turns."""
    rows = []
    for place in range(18):
        Image.new("RGB", (4, 4), (place, 0, 0)).save(tmp_path / f"{place}.png")
        label = HierarchicalLabel("fake" if place % 2 else "real")
        rows.append(Row(Path(f"{place}.png"), label, "train"))
    return Manifest(tmp_path, tuple(rows))
