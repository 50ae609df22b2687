import io
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mfclip.data.audit import probing as module
from mfclip.data.audit.probing import Probe, in_threads, probe
from mfclip.data.audit.quality import Quality
from mfclip.data.images import ImageError, ImageStatus, decode

Save = Callable[..., Path]
FORMS = ["jpg", "png", "webp", "bmp"]


@pytest.mark.parametrize("form", FORMS)
def test_what_a_header_tells(save: Save, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(f"x.{form}", np.zeros((20, 30, 3), np.uint8))
    monkeypatch.setattr(module, "decode", None)  # must not be needed
    name = {"jpg": "JPEG"}.get(form, form.upper())
    quality = Quality(75) if form == "jpg" else None
    expected = Probe(ImageStatus.OK, "", path.stat().st_size, name, 30, 20, quality)
    assert probe(path) == expected


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("missing", [1, 2, 30, 400])
def test_cut_off_files_are_seen_as_decoding_sees_them(save: Save, form: str, missing: int) -> None:
    path = save(f"x.{form}", size=40)
    path.write_bytes(path.read_bytes()[:-missing])
    try:
        decode(path)
        expected = ImageStatus.OK
    except ImageError as error:
        expected = error.status
    assert probe(path).status is expected
    assert missing < 30 or expected is ImageStatus.TRUNCATED


@pytest.mark.parametrize("form", FORMS)
def test_bytes_after_the_end_do_no_harm(save: Save, form: str) -> None:
    path = save(f"x.{form}")
    path.write_bytes(path.read_bytes() + b"\0" * 100)
    assert probe(path).status is ImageStatus.OK


def test_broken_files_have_a_status_and_a_reason(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_text("text")
    assert probe(tmp_path / "no.jpg").status is ImageStatus.MISSING
    assert probe(tmp_path / "x.jpg").status is ImageStatus.NOT_AN_IMAGE
    assert "its bytes are those of no image" in probe(tmp_path / "x.jpg").reason


def test_progressive_and_grey_jpegs_have_a_quality(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("L", (16, 16)).save(buffer, "JPEG", quality=42, progressive=True)
    (tmp_path / "x.jpg").write_bytes(buffer.getvalue())
    assert probe(tmp_path / "x.jpg").quality == Quality(42)


def test_threads_keep_order_and_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SLICE", 7)
    paths = [Path(str(number)) for number in range(30)]
    names: set[str] = set()
    counted: list[int] = []

    def task(path: Path) -> int:
        names.add(threading.current_thread().name)
        return int(path.name)

    assert list(in_threads(task, paths, counted.append)) == list(range(30))
    assert counted == list(range(1, 31))
    assert threading.current_thread().name not in names
