from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from mfclip.data.labels import HierarchicalLabel
from mfclip.data.manifest import Manifest, Row
from mfclip.detector.protocols import ShowsGate
from mfclip.explain.agreement import common_pairs, has_text_side
from mfclip_spa import InfoNCE, SamplePairAttention

REAL, STYLEGAN, SDXL = (
    HierarchicalLabel(label="real"),
    HierarchicalLabel(label="fake", generator="StyleGAN"),
    HierarchicalLabel(label="fake", generator="SDXL"),
)


def bundle(labels, batch=24, text=True):
    return SimpleNamespace(
        prompts=SimpleNamespace(labels=labels) if labels else None,
        about=SimpleNamespace(text_side=text),
        recipe=SimpleNamespace(training=SimpleNamespace(batch_size=batch)),
    )


@pytest.fixture
def manifest():
    labels = [SDXL, REAL, STYLEGAN] * 20
    return Manifest(Path(), tuple(Row(Path(f"{i}.png"), label) for i, label in enumerate(labels)))


def test_pairs_are_of_labels_that_all_know_in_blocks_with_reals_first(manifest):
    rows = common_pairs([bundle([REAL, SDXL, STYLEGAN]), bundle([SDXL, REAL])], manifest)
    assert [row.label for row in rows] == [REAL] * 12 + [SDXL] * 12


@pytest.mark.parametrize(("batch", "pairs"), [(24, 24), (8, 6), (2, 2), (400, 24)])
def test_no_more_pairs_than_the_smallest_training_batch(manifest, batch, pairs):
    known = [REAL, SDXL, STYLEGAN]
    assert len(common_pairs([bundle(known), bundle(known, batch)], manifest)) == pairs


def test_without_a_common_label_there_are_no_pairs(manifest):
    assert common_pairs([bundle([REAL]), bundle([SDXL])], manifest) == []


def test_a_text_side_needs_weights_and_prompts():
    assert has_text_side(bundle([REAL]))
    assert not has_text_side(bundle([REAL], text=False))
    assert not has_text_side(bundle([]))


@pytest.mark.parametrize("form", [{"max_batch": 6}, {"classes": 3}, {"features": 5}])
def test_the_shown_gate_is_the_one_that_acts(form):
    torch.manual_seed(0)
    attention = SamplePairAttention(**form)
    for parameter in attention.pairs.parameters():
        torch.nn.init.normal_(parameter)
    visual, text = torch.randn(6, 5), torch.randn(6, 5)
    prompt = torch.tensor([0, 1, 2, 0, 1, 2])
    gate = attention.gate_of(visual, text, prompt)
    cosine = torch.cosine_similarity(visual[:, None], text[None], dim=-1)
    expected = attention(visual, text, prompt).v2l
    torch.testing.assert_close(cosine * attention.temperature() * gate, expected)


def test_only_a_gate_shows_one():
    assert isinstance(SamplePairAttention(4), ShowsGate)
    assert not isinstance(InfoNCE(), ShowsGate)
