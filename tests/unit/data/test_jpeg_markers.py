"""A JPEG without its end marker is whole; one without a part of its pixels never is."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile, ImageOps

from mfclip.data.audit.probing import probe
from mfclip.data.images import ImageError, ImageStatus, decode
from mfclip.data.jpeg_markers import has_all_scans


def smooth(height: int = 40, width: int = 56) -> np.ndarray:
    """A picture without noise, so that lossy formats keep it."""
    y, x = np.mgrid[:height, :width]
    levels = [y * 5, x * 4, 255 - (x + y) * 2]
    return np.dstack([np.clip(one, 0, 255) for one in levels]).astype(np.uint8)


PIXELS = smooth()


def saved(image: Image.Image, form: str, **how: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **how)
    return buffer.getvalue()


def as_pillow(content: bytes) -> np.ndarray:
    """The oracle: Pillow alone, given the whole file."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    return np.asarray(image.convert("RGB"))


JPEGS = {
    "baseline": {},
    "best": {"quality": 95, "subsampling": 0},
    "progressive": {"progressive": True},
    "optimised": {"optimize": True},
    "restarts": {"restart_marker_blocks": 3},
    "restart rows": {"restart_marker_rows": 1, "progressive": True},
}


class TestJpegWithoutItsEnd:
    def content(self, kind: str, form: str = "RGB") -> bytes:
        noise = np.random.default_rng(3).integers(0, 60, PIXELS.shape, dtype=np.uint8)
        image = Image.fromarray(PIXELS // 2 + noise).convert(form)
        if form == "CMYK":  # Pillow puts nothing into the black channel
            image = Image.merge("CMYK", [*image.split()[:3], Image.fromarray(noise[..., 0])])
        return saved(image, "JPEG", **JPEGS[kind])

    @pytest.mark.parametrize("kind", JPEGS)
    @pytest.mark.parametrize("form", ["RGB", "L", "CMYK"])
    @pytest.mark.parametrize("missing", [1, 2])
    def test_is_whole(self, tmp_path: Path, kind: str, form: str, missing: int) -> None:
        content = self.content(kind, form)
        (tmp_path / "x").write_bytes(content[:-missing])
        assert np.array_equal(decode(tmp_path / "x"), as_pillow(content))
        assert probe(tmp_path / "x").status is ImageStatus.OK
        assert not ImageFile.LOAD_TRUNCATED_IMAGES

    @pytest.mark.parametrize("kind", JPEGS)
    @pytest.mark.parametrize("form", ["RGB", "L", "CMYK"])
    def test_a_missing_part_is_never_called_whole(
        self, tmp_path: Path, kind: str, form: str
    ) -> None:
        """Cut anywhere, a file is truncated, or it is the same picture to the last pixel."""
        content = self.content(kind, form)
        expected, whole = as_pillow(content), 0
        cuts = [*range(3, 40), *np.linspace(40, len(content) - 10, 40).astype(int)]
        for missing in cuts:
            (tmp_path / "x").write_bytes(content[:-missing])
            if probe(tmp_path / "x").status is ImageStatus.TRUNCATED:
                continue
            whole += 1
            assert np.array_equal(decode(tmp_path / "x"), expected), missing
        assert whole <= 4

    def test_cut_right_before_a_restart(self, tmp_path: Path) -> None:
        content = self.content("restarts")
        for number in range(3):
            place = content.rindex(bytes((0xFF, 0xD0 + number)))
            for end in (place, place + 1, place + 2):
                (tmp_path / "x").write_bytes(content[:end])
                with pytest.raises(ImageError, match="truncated"):
                    decode(tmp_path / "x")

    def test_cut_right_before_the_last_scan(self, tmp_path: Path) -> None:
        content = self.content("progressive")
        assert has_all_scans(content)
        cut = content[: content.rindex(b"\xff\xda")]
        assert not has_all_scans(cut)
        (tmp_path / "x").write_bytes(cut)
        with pytest.raises(ImageError, match="truncated"):
            decode(tmp_path / "x")
