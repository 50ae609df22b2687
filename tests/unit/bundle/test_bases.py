"""A bundle says which pretrained weights it was built from."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from safetensors.numpy import save_file

from mfclip.bundle.card import model_card
from mfclip.bundle.contents import BundleContents
from mfclip.bundle.description import BundleJson, bases_of, label_map, require_bases
from mfclip.errors import BundleError, UsageError
from mfclip.files import sha256
from mfclip.recipe.model import Recipe
from mfclip.weights.getting import convert
from mfclip.weights.store import file_of
from mfclip_clip.parts import ClipFeatures, ClipVit
from mfclip_vision.parts import MultiModalVision, SrmNoise


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.setenv("MFCLIP_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "mine.safetensors"
    save_file({"a": np.ones(3, np.float32)}, file)
    convert(file, "mine")
    return file


def test_names_and_files_are_recorded_with_their_place_and_hash(kept):
    by_name = Recipe(vision=MultiModalVision(image=ClipVit(weights="mine"), noise=SrmNoise()))
    (base,) = bases_of(by_name)
    assert (base.place, base.name) == ("vision.image", "mine")
    assert base.sha256 == sha256(file_of("mine"))
    (of_file,) = bases_of(Recipe(vision=ClipVit(weights=kept)))
    assert (of_file.place, of_file.name) == ("vision", "mine.safetensors")
    assert bases_of(Recipe(vision=ClipVit())) == ()


def test_the_card_tells_them(kept):
    recipe = Recipe(vision=ClipVit(weights="mine"))
    about = BundleJson(
        **{"mfclip": "1", "torch": "2", "python": "3", "labels": label_map(), "files": ()},
        bases=bases_of(recipe),
        preprocessing=recipe.preprocessing,
        text_side=False,
        weights_sha256="0" * 64,
    )
    card = model_card(BundleContents(None, recipe), about)
    assert f"`vision` started from the weights mine (sha256 `{about.bases[0].sha256[:16]}" in card


def test_weights_that_are_gone_are_told(kept):
    file_of("mine").unlink()
    with pytest.raises(UsageError, match="no weights are called 'mine'"):
        bases_of(Recipe(vision=ClipVit(weights="mine")))


def test_only_what_scoring_reads_is_looked_for(kept, tmp_path):
    """The vision tower's file stays where it was built; the bundle holds its weights."""
    feature = ClipFeatures(weights="mine")
    recipe = Recipe(vision=ClipVit(weights=kept), input=(feature,))
    about = SimpleNamespace(bases=bases_of(recipe))
    assert [base.place for base in about.bases] == ["vision", "input.0"]
    kept.unlink()
    require_bases(about, recipe)
    elsewhere = Recipe(input=(ClipFeatures(weights=tmp_path / "gone.safetensors"),))
    with pytest.raises(UsageError, match="there is no file of weights"):
        require_bases(about, elsewhere)
    with pytest.raises(BundleError, match="and here they are nothing"):
        require_bases(about, Recipe())
