from __future__ import annotations

import numpy as np

from mfclip.metrics.cautions import evaluation_warnings, row_warnings
from mfclip.metrics.operating import OperatingPoints


def test_enough_images_need_no_warning(drawn):
    assert list(row_warnings(drawn(200), identities=200, pinned=0, flawless=False)) == []


def test_few_images_are_named(table_of):
    table = table_of([True] * 40 + [False] * 12, np.arange(52) % 5)
    (warning,) = row_warnings(table, identities=52, pinned=0, flawless=False)
    assert warning == "only 12 real images: read the interval, not the value"


def test_few_identities_are_named(drawn):
    (warning,) = row_warnings(drawn(200), identities=9, pinned=200, flawless=False)
    assert warning.startswith("only 9 identities (or videos, or images of neither): ")


def test_pinned_images_are_named(drawn):
    (warning,) = row_warnings(drawn(200), identities=50, pinned=40, flawless=False)
    assert warning.startswith("40 images belong to identities or videos that no other can")


def test_flawless_figures_are_qualified_by_the_rule_of_three(table_of):
    table = table_of([False] * 60 + [True] * 60, np.arange(120))
    (warning,) = row_warnings(table, identities=120, pinned=0, flawless=True)
    assert "up to 5.0% can go unseen" in warning


def test_notes_of_the_fit_are_passed_on(drawn):
    points = OperatingPoints(notes=("not fitted: …",))
    assert list(evaluation_warnings(drawn(5), drawn(5), points)) == ["not fitted: …"]


def test_rows_of_videos_are_called_videos(table_of):
    table = table_of([True] * 40 + [False] * 12, np.arange(52) % 5)
    found = list(row_warnings(table, 52, pinned=52, flawless=True, noun="videos"))
    assert len(found) == 3
    assert not [text for text in found if "images" in text]
