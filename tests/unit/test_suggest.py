"""Nearest matches."""

from __future__ import annotations

from mfclip.text import did_you_mean, nearest

NAMES = ("clip-vit", "cvit", "srm-noise", "use")


def test_the_nearest_name_is_found_whatever_its_case():
    assert nearest("clip-vti", NAMES) == "clip-vit"
    assert nearest("SRM-Noise", NAMES) == "srm-noise"


def test_far_names_are_not_suggested():
    assert nearest("transformer", NAMES) is None
    assert nearest("x", ()) is None


def test_the_question():
    assert did_you_mean("cviit", NAMES) == "; did you mean 'cvit'?"
    assert did_you_mean("zzz", NAMES) == ""
