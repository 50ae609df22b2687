"""Content credentials beside the scores of the service."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from mfclip.data.credentials import Credentials
from mfclip.serving.app import create_app
from mfclip.serving.limits import Limits

SIGNED = Credentials("valid", "Example News", "Example Camera 1", "digitalCapture")


class Reader:
    """Knows one file by its first bytes; the others carry nothing."""

    def read(self, stream) -> Credentials:
        return SIGNED if stream.read(2) == b"\xff\xd8" else Credentials("none")


def test_each_image_has_its_own_and_its_score_is_what_it_was(models, serving, photos, form_of):
    form = form_of(*photos[:2])  # a PNG and a JPEG
    with serving() as client:
        plain = client.post("/v1/score", files=form).json()["images"]
    app = create_app(models, Limits(), credentials=Reader())
    with TestClient(app, base_url="http://localhost") as client:
        told = client.post("/v1/score", files=form).json()["images"]
    assert [one.pop("credentials") for one in plain] == [None, None]
    none, signed = (one.pop("credentials") for one in told)
    assert none == {"state": "none", "signer": "", "tool": "", "source": "", "reason": ""}
    assert signed == SIGNED._asdict()
    for one, two in zip(told, plain, strict=True):
        assert one.pop("p_fake") == pytest.approx(two.pop("p_fake"), abs=1e-6)
    assert told == plain
