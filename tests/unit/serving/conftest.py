"""A service of the golden bundle, and files to send to it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from mfclip.serving.app import create_app
from mfclip.serving.limits import Limits
from mfclip.serving.models import Model, load_models

BUNDLE = Path(__file__).parents[2] / "contract/golden/bundle"

Serving = Callable[..., AbstractContextManager[TestClient]]


@pytest.fixture(scope="session")
def models() -> dict[str, Model]:
    """The golden bundle in fp32, with heat maps."""
    return load_models([BUNDLE], device="cpu", precision="fp32", explain=True)


@pytest.fixture
def serving(models: dict[str, Model]) -> Serving:
    """``with serving(queue=1) as client``: a running service, its limits as given."""

    @contextmanager
    def start(*, tokens=None, served=models, host="127.0.0.1", **limits) -> Iterator[TestClient]:
        app = create_app(served, Limits(**limits), tokens=tokens, host=host)
        with TestClient(app, base_url="http://localhost") as client:
            yield client

    return start


@pytest.fixture
def photos() -> list[bytes]:
    """Seven image files of random pixels."""
    forms = ("PNG", "JPEG", "WEBP", "PNG", "JPEG", "BMP", "TIFF")
    return [_photo(number, form) for number, form in enumerate(forms)]


def _photo(seed: int, form: str) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (36, 40 + seed, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form)
    return buffer.getvalue()


@pytest.fixture
def form_of() -> Callable[..., list[tuple[str, tuple[str, bytes]]]]:
    """Files as httpx takes them."""

    def make(*contents: bytes) -> list[tuple[str, tuple[str, bytes]]]:
        return [("files", (f"{number}.bin", one)) for number, one in enumerate(contents)]

    return make
