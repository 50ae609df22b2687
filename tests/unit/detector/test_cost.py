"""Parameters and MACs against figures worked out by hand."""

import pytest
import torch
from torch import nn

from mfclip.detector.cost import cost
from mfclip.detector.model import VisionLanguageDetector
from mfclip.detector.whole import PluginDetector

WIDTH, SIZE, PROMPTS, SENTENCES = 8, 16, 3, 2


class Eyes(nn.Module):
    """Two parts; ``peeks``: reads a value, which is impossible where there are only shapes."""

    def __init__(self, peeks):
        super().__init__()
        self.peeks = peeks
        self.image = nn.Sequential(
            nn.Conv2d(3, WIDTH, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        )
        self.noise = nn.TransformerEncoderLayer(WIDTH, 2, 16, batch_first=True)

    def forward(self, images):
        if self.peeks and images.sum().item() < 0:
            raise AssertionError
        image = self.image(images)
        return self.noise(image[:, None])[:, 0] + image


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(100, WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)

    def forward(self, tokens):
        return self.out(self.embed(tokens).mean((1, 2)))


class Match(nn.Module):
    def forward(self, visual, text, prompt):
        return visual @ text.T


@pytest.fixture(params=[False, True], ids=["by shape", "by running"])
def rows(request):
    detector = VisionLanguageDetector(
        Eyes(request.param),
        WIDTH,
        text=Words(),
        tokens=torch.ones(5, SENTENCES, 77, dtype=torch.long),
        alignment=Match(),
        predictor=True,
        labels={"vision": "", "vision.image": "", "vision.noise": "", "text": ""},
    ).train()
    found = cost(detector, SIZE, PROMPTS, batch_size=7)
    assert detector.vision.training
    assert detector.vision.image[0].weight.device.type == "cpu"
    return {row.path: row for row in found}


def test_parts_come_in_order(rows):
    paths = ["vision", "vision.image", "vision.noise", "text", "alignment", "head", "predictor"]
    assert list(rows) == paths


def test_macs_equal_the_formulas(rows):
    convolution = WIDTH * 27 * SIZE * SIZE
    attention = 2 * WIDTH  # one token: its product with itself, and the weighted value
    transformer = WIDTH * 3 * WIDTH + WIDTH * WIDTH + attention + 2 * WIDTH * 16
    assert rows["vision.image"].macs == convolution
    assert rows["vision.noise"].macs == transformer
    assert rows["vision"].macs == convolution + transformer
    assert rows["text"].macs == PROMPTS * WIDTH * WIDTH
    assert rows["alignment"].macs == 7 * 7 * WIDTH
    assert rows["head"].macs == 2 * WIDTH
    assert rows["predictor"].macs == WIDTH * WIDTH


def test_parameters_are_counted_with_the_parts_inside(rows):
    assert rows["vision.image"].parameters == 27 * WIDTH + WIDTH
    assert rows["vision"].parameters == (
        rows["vision.image"].parameters + rows["vision.noise"].parameters
    )
    assert rows["text"].parameters == 100 * WIDTH + WIDTH * WIDTH + WIDTH
    assert rows["head"].parameters == 2 * WIDTH + 2


def test_what_the_macs_are_for_is_said(rows):
    per_step = {path for path, row in rows.items() if row.per == "step"}
    assert per_step == {"text", "alignment"}


def test_a_whole_detector_is_one_row():
    inner = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))
    (row,) = cost(PluginDetector(inner), SIZE, 1, 24)
    assert (row.path, row.parameters, row.macs, row.per) == ("detector", 8, 6, "image")


def test_a_part_that_fails_is_not_taken_for_one_that_reads_values():
    detector = VisionLanguageDetector(nn.Linear(5, WIDTH), WIDTH)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        cost(detector, SIZE, 1, 24)
