"""Images that show nothing get no verdict; those that show anything do."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mfclip.data.audit import audit
from mfclip.data.audit.probing import probe
from mfclip.data.decoding import decode_batches
from mfclip.data.images import ImageStatus, decode
from mfclip.data.loader import scoring_stream
from mfclip.data.scorable import SMALLEST, too_small, unscorable

Save = Callable[..., Path]
Noise = Callable[..., np.ndarray]


@pytest.mark.parametrize("size", [(1, 1), (4, 3000), (3000, 4), (15, 16), (16, 15)])
def test_a_short_side_is_too_small(noise: Noise, size: tuple[int, int]) -> None:
    why = unscorable(noise(*size), 16)
    assert why is not None
    assert why.status is ImageStatus.TOO_SMALL
    assert f"{size[1]} x {size[0]} pixels" in why.reason
    assert "16" in why.reason


def test_the_limit_itself_is_scored(noise: Noise) -> None:
    assert unscorable(noise(16, 16), 16) is None
    assert too_small(16, 99, 17) is not None


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "AVIF", "GIF"])
@pytest.mark.parametrize(
    "colour", [(0, 0, 0), (255, 255, 255), (200, 30, 90), (127, 128, 129), (9, 180, 77)]
)
def test_one_colour_is_blank_however_it_is_compressed(
    tmp_path: Path, form: str, colour: tuple[int, int, int]
) -> None:
    Image.new("RGB", (50, 40), colour).save(tmp_path / "x", form)
    why = unscorable(decode(tmp_path / "x"), 16)
    assert why is not None
    assert why.status is ImageStatus.BLANK


@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF"])
def test_fully_transparent_is_blank(tmp_path: Path, noise: Noise, form: str) -> None:
    clear = np.dstack([noise(40, 40), np.zeros((40, 40), np.uint8)])
    Image.fromarray(clear).save(tmp_path / "x", form)
    why = unscorable(decode(tmp_path / "x"), 16)
    assert why is not None
    assert why.status is ImageStatus.BLANK


@pytest.mark.parametrize("spread", [1.2, 1.4, 1.6, 2.0])
def test_a_faint_picture_is_no_blank_one(spread: float) -> None:
    """The bound is the standard deviation of any one channel."""
    pixels = np.full((64, 64, 3), 100, np.uint8)
    drawn = np.random.default_rng(0).normal(100, spread, (64, 64)).round()
    pixels[..., 1] = drawn.astype(np.uint8)
    assert (unscorable(pixels, 16) is not None) is (float(pixels[..., 1].std()) <= 1.5)


def test_something_small_on_one_colour_is_a_picture() -> None:
    pixels = np.full((500, 500, 3), 255, np.uint8)
    pixels[3, 4] = 0
    assert pixels.std() < 1.5
    assert unscorable(pixels, 16) is None


@pytest.fixture
def files(save: Save, noise: Noise) -> list[Path]:
    frames = [Image.fromarray(noise(30, 30, seed=number)) for number in range(12)]
    return [
        save("good.png"),
        save("tiny.png", size=15),
        save("grey.png", Image.new("L", (30, 30), 90)),
        save("moving.webp", frames[0], save_all=True, append_images=frames[1:], lossless=True),
    ]


@pytest.mark.parametrize("workers", [0, 2])
def test_in_decoding_processes(files: list[Path], workers: int) -> None:
    batches = list(decode_batches([files, files[2:]], workers=workers, smallest=SMALLEST))
    first, second = batches
    statuses = {place: error.status for place, error in first.failures.items()}
    assert statuses == {1: ImageStatus.TOO_SMALL, 2: ImageStatus.BLANK}
    assert first.shapes == [(3, 24, 24), (3, 30, 30)]
    assert (first.notes, second.notes) == ({3: "first of 12 frames"}, {1: "first of 12 frames"})
    assert np.array_equal(first.images()[1].permute(1, 2, 0), decode(files[3]))


def test_without_a_limit_they_are_images_like_all_others(files: list[Path]) -> None:
    (batch,) = decode_batches([files], workers=0)
    assert (batch.failures, len(batch.images())) == ({}, 4)


def test_the_scoring_stream_carries_status_and_note(files: list[Path]) -> None:
    (batch,) = scoring_stream(files, batch_size=9, workers=0, smallest=25)
    assert batch.statuses == ["too-small", "too-small", "blank", "ok"]
    assert batch.reasons[3] == "first of 12 frames"
    assert all(batch.reasons)
    assert len(batch.images) == 1


def test_header_and_pixels_say_the_same(files: list[Path]) -> None:
    for path in files:
        (batch,) = scoring_stream([path], batch_size=1, workers=0, smallest=25)
        told = probe(path, smallest=25)
        if batch.statuses[0] is not ImageStatus.BLANK:  # which takes decoding
            assert told.status is batch.statuses[0]
        if told.status is ImageStatus.TOO_SMALL:
            assert told.reason == batch.reasons[0]
        assert probe(path).status is ImageStatus.OK


def test_a_small_and_broken_file_is_broken_for_both(tmp_path: Path, noise: Noise) -> None:
    buffer = io.BytesIO()
    Image.fromarray(noise(12, 12)).save(buffer, "PNG")
    (tmp_path / "x.png").write_bytes(buffer.getvalue()[:-80])
    (batch,) = scoring_stream([tmp_path / "x.png"], batch_size=1, workers=0, smallest=16)
    assert batch.statuses == [ImageStatus.TRUNCATED]
    assert probe(tmp_path / "x.png", smallest=16).status is ImageStatus.TRUNCATED


def test_the_data_check_tells_them(make_manifest, save: Save) -> None:  # type: ignore[no-untyped-def]
    manifest = make_manifest(6)
    save("001.png", size=SMALLEST - 1)
    save("002.png", Image.new("RGB", (20, 20), "navy"))
    quick = {finding.code: finding for finding in audit(manifest).findings}
    assert quick["file-too-small"].severity == "error"
    assert "001.png" in quick["file-too-small"].message
    assert "file-blank" not in quick
    whole = {finding.code: finding for finding in audit(manifest, looks=True).findings}
    assert whole["file-blank"].severity == "warning"
    assert "1 file of 6: blank: 002.png" in whole["file-blank"].message
    lenient = audit(manifest, smallest=SMALLEST - 1)
    assert "file-too-small" not in {finding.code for finding in lenient.findings}
