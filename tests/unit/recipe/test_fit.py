"""Parts that do not work together: what their author reads."""

from __future__ import annotations

import pytest

from mfclip.parts import Encoder
from mfclip.plugins.discovery import Plugins

EYE = '[vision]\nuse = "eye"\n'
TEXT = '[text]\nuse = "scribe"\n'
PROMPTS = '[prompts]\nuse = "words"\n'
GATE = '[alignment]\nuse = "gate"\n'
PLAIN = '[[loss]]\nuse = "plain"\n'
CONTRAST = '[[loss]]\nuse = "contrast"\n'
ECHO = '[[loss]]\nuse = "echo"\n'
DATA = '[data]\nuse = "shelf"\nroot = "x"\n'
TRAINING = "[training]\nepochs = 1\n"

UNFIT = {
    "nothing sees the images": (
        PLAIN,
        "recipe.toml:1: needs [vision] or [detector]: one of them sees the images",
    ),
    "nothing at all": (
        "",
        "recipe.toml:1: needs [vision] or [detector]: one of them sees the images",
    ),
    "vision switched off": (
        'assembly = "duo"\nvision = false',
        "recipe.toml:2: needs [vision] or [detector]: one of them sees the images",
    ),
    "two detectors": (
        EYE + '[detector]\nuse = "whole"',
        "recipe.toml:1: vision: [detector] (recipe.toml:3) is a whole detector by itself; "
        "remove one of them",
    ),
    "alignment without text": (
        EYE + GATE,
        "recipe.toml:4: alignment: 'gate' needs [text] to compare the images with",
    ),
    "text without prompts": (
        EYE + TEXT,
        "recipe.toml:4: text: 'scribe' needs [prompts] to read",
    ),
    "prompts without text": (
        EYE + PROMPTS,
        "recipe.toml:4: prompts: 'words' needs [text] to be read by",
    ),
    "contrast without alignment": (
        EYE + TEXT + PROMPTS + CONTRAST,
        "recipe.toml:8: loss.0: 'contrast' reads the similarities, so the recipe needs [alignment]",
    ),
    "echo without text": (
        EYE + PLAIN + ECHO,
        "recipe.toml:6: loss.1: 'echo' reads the predicted text embedding, "
        "so the recipe needs [text]\n"
        "recipe.toml:6: loss.1: 'echo' reads the text embedding, so the recipe needs [text]",
    ),
    "echo without a text from the detector": (
        '[detector]\nuse = "whole"\n' + CONTRAST,
        "recipe.toml:4: loss.0: 'contrast' reads the similarities, which 'whole' does not give\n"
        "    it gives: logits",
    ),
    "training without data": (
        EYE + PLAIN + TRAINING,
        "recipe.toml:5: training: [training] needs [data] to train on",
    ),
    "training without loss": (
        EYE + DATA + TRAINING,
        "recipe.toml:6: training: training needs at least one [[loss]]",
    ),
    "training with an empty list of losses": (
        "loss = []\n" + EYE + DATA + TRAINING,
        "recipe.toml:7: training: training needs at least one [[loss]]",
    ),
    "widths": (
        EYE + TEXT + "dim = 6\n" + PROMPTS,
        "recipe.toml:3: text: image and text embeddings are compared and must be equally wide, "
        "got 8 from 'eye' (recipe.toml:1) and 6 from 'scribe' (recipe.toml:3)",
    ),
    "a part's own misfit": (
        EYE + "patch = 100",
        "recipe.toml:3: vision.patch: does not divide 224, got 100",
    ),
    "a misfit with the size of the image": (
        "[preprocessing]\nsize = 100\n" + EYE,
        "recipe.toml:3: vision.patch: does not divide 100, got 16",
    ),
    "a misfit inside a part": (
        '[vision]\nuse = "pair"\n[vision.noise]\nuse = "eye"\npatch = 3',
        "recipe.toml:5: vision.noise.patch: does not divide 224, got 3",
    ),
    "a misfit inside a default": (
        '[preprocessing]\nsize = 40\n[vision]\nuse = "pair"',
        "recipe.toml:3: vision.image.patch: does not divide 40, got 16\n"
        "recipe.toml:3: vision.noise.patch: does not divide 40, got 16",
    ),
}


@pytest.mark.parametrize("case", UNFIT)
def test_what_does_not_fit(complaints, case):
    text, said = UNFIT[case]
    assert complaints(text) == said


def test_a_removed_table_that_is_needed_is_told_where_it_was_removed(complaints):
    said = complaints('assembly = "duo"\ntext = false\n' + PLAIN)
    assert said == (
        "recipe.toml:2: text: is switched off, but 'gate' (acme.toml:22) needs it to compare the "
        "images with; write `alignment = false` too, or keep it\n"
        "recipe.toml:2: text: is switched off, but 'words' (acme.toml:19) needs it to be read by; "
        "write `prompts = false` too, or keep it"
    )


def test_a_loss_of_the_assembly_that_loses_its_input(complaints):
    said = complaints('assembly = "duo"\nalignment = false\n')
    assert said == (
        "acme.toml:26: loss.0: 'contrast' reads the similarities, so the recipe needs [alignment]\n"
        "    [alignment] was switched off at recipe.toml:2\n"
        "    note: comes with assembly = 'duo' (recipe.toml:1)"
    )


def test_a_part_of_the_assembly_that_the_recipe_makes_unfit(complaints):
    said = complaints("[preprocessing]\nsize = 40\n", "assembly=duo")
    assert said.splitlines()[:2] == [
        "acme.toml:7: vision.image.patch: does not divide 40, got 16",
        "    note: comes with assembly = 'duo' (--set assembly=duo)",
    ]


def test_a_wrong_width_is_blamed_on_whoever_changed_it(complaints):
    said = complaints('assembly = "duo"\n[vision.image]\ndim = 4\n')
    assert said == (
        "recipe.toml:2: vision: image and text embeddings are compared and must be equally wide, "
        "got 4 from 'pair' (recipe.toml:2) and 16 from 'scribe' (acme.toml:15)"
    )
    said = complaints('assembly = "duo"', "text.dim=4")
    assert said.startswith("--set text.dim=4: text: image and text embeddings")


def test_what_fits(read):
    whole = EYE + TEXT + PROMPTS + GATE + CONTRAST + ECHO + PLAIN + DATA + TRAINING
    recipe = read(whole)
    assert recipe.context().sentences == 4
    assert read(EYE + TEXT + PROMPTS + ECHO).alignment is None
    assert read('[detector]\nuse = "whole"\n' + PLAIN).detector.use == "whole"


def test_a_detector_may_give_what_its_losses_read(read, plugins, monkeypatch):
    whole = plugins.get("detector", "whole").schema
    monkeypatch.setattr(whole, "gives", frozenset({"logits", "similarity"}))
    assert read('[detector]\nuse = "whole"\n' + CONTRAST).loss[0].use == "contrast"


def test_nothing_is_said_of_what_did_not_resolve(complaints):
    """One mistake is one message: no width, misfit or missing output follows from it."""
    said = complaints(
        '[vision]\nuse = "eye"\ndim = 1.5\n[text]\nuse = "scribe"\n[prompts]\nuse = "wods"\n'
        + '[alignment]\nuse = "gaet"\n'
        + CONTRAST
        + '[data]\nuse = "shlef"\n'
        + TRAINING
    )
    places = [line.split(": ")[0] for line in said.splitlines() if not line.startswith(" ")]
    assert places == ["recipe.toml:3", "recipe.toml:7", "recipe.toml:9", "recipe.toml:13"]


def test_no_misfit_is_claimed_with_an_unknown_image_size(complaints):
    said = complaints("[preprocessing]\nsize = 3\n" + EYE + "patch = 100\n")
    assert said == (
        "recipe.toml:2: preprocessing.size: should be greater than or equal to 16, got 3"
    )


def test_an_absent_optional_module_names_the_extra(complaints, plugins, monkeypatch):
    eye = plugins.get("encoder", "eye").schema
    monkeypatch.setattr(eye, "modules", ("json", "not_there"))
    monkeypatch.setattr(eye, "extra", "acme[vit]")
    assert complaints('[vision]\n\nuse = "eye"') == (
        "recipe.toml:3: vision: 'eye' needs 'not_there', not installed here: "
        "pip install 'acme[vit]'"
    )


def test_without_an_extra_the_modules_are_named(complaints, plugins, monkeypatch):
    ear = plugins.get("encoder", "ear").schema
    monkeypatch.setattr(ear, "modules", ("not_there", "nor_this.inner"))
    assert complaints('[vision]\nuse = "pair"') == (
        "recipe.toml:1: vision.noise: 'ear' needs 'not_there' and 'nor_this.inner', "
        "not installed here: pip install 'not_there nor_this.inner'"
    )


def test_modules_that_are_there_are_not_imported(read, plugins, monkeypatch):
    import sys

    monkeypatch.delitem(sys.modules, "antigravity", raising=False)
    monkeypatch.setattr(plugins.get("encoder", "eye").schema, "modules", ("antigravity",))
    read(EYE)
    assert "antigravity" not in sys.modules


def test_a_width_that_cannot_be_had_is_told(complaints, plugins: Plugins, monkeypatch):
    def fail(self: Encoder) -> int:
        raise KeyError("dims")

    monkeypatch.setattr(plugins.get("encoder", "eye").schema, "width", property(fail))
    said = complaints(EYE + TEXT + PROMPTS)
    assert said.startswith("recipe.toml:1: vision: the width of 'eye' cannot be had: KeyError: ")
