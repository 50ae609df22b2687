"""Independent mistakes are told together, and none that only follows from another."""

from __future__ import annotations

import pytest

from mfclip.parts import Misfit
from mfclip.recipe.doubt import UNKNOWN, InDoubt, meant_by

EYE = '[vision]\nuse = "eye"\n'
TEXT = '[text]\nuse = "scribe"\n'
PROMPTS = '[prompts]\nuse = "words"\n'
PLAIN = '[[loss]]\nuse = "plain"\n'
DATA = '[data]\nuse = "shelf"\nroot = "x"\n'
TRAINING = "[training]\nepochs = 1\n"
UNFIT = "vision.patch: does not divide 224, got 9"

# recipe, the beginning of what is said of it, message by message
TOGETHER = {
    "a misspelt key and a misfit": (
        EYE + "blas = true\npatch = 9\n",
        ["vision.blas: unknown key 'blas'; did you mean 'bias'?", UNFIT],
    ),
    "a key that is like nothing, and a misfit": (
        EYE + "zzzz = true\npatch = 9\n",
        ["vision.zzzz: unknown key", UNFIT],
    ),
    "a wrong value and a misfit": (
        EYE + "dim = 0\npatch = 9\n",
        ["vision.dim: should be greater", UNFIT],
    ),
    "a value of a wrong type and a misfit": (
        EYE + 'dim = "8"\npatch = 9\n',
        ["vision.dim: should be a whole number", UNFIT],
    ),
    "a wrong value of the training and a misfit": (
        EYE + "patch = 9\n" + PLAIN + DATA + "[training]\nepochs = 0\n",
        [UNFIT, "training.epochs: should be greater"],
    ),
    "a misspelt key of the training and a misfit": (
        EYE + "patch = 9\n" + PLAIN + DATA + "[training]\nepochss = 3\n",
        [UNFIT, "training.epochss: unknown key 'epochss'; did you mean 'epochs'?"],
    ),
    "a misspelt table and a misfit": (
        EYE + "patch = 9\n[trainig]\nepochs = 3\n",
        [UNFIT, "trainig: unknown table 'trainig'; did you mean 'training'?"],
    ),
    "a misspelt key inside a part, and a misfit there": (
        '[vision]\nuse = "pair"\n[vision.image]\nuse = "eye"\nblas = true\npatch = 9\n',
        ["vision.image.blas: unknown key", "vision.image.patch: does not divide 224, got 9"],
    ),
    "an unknown part in a list, and a misfit of its neighbour": (
        '[vision]\nuse = "pair"\nothers = [{ use = "eey" }, { use = "eye", patch = 9 }]\n',
        ["vision.others.0: no image encoder", "vision.others.1.patch: does not divide 224"],
    ),
    "a misspelt key and unequal widths": (
        EYE + "dim = 4\nblas = true\n" + TEXT + PROMPTS,
        ["vision.blas: unknown key", "text: image and text embeddings are compared"],
    ),
    "a misspelt key and a check of the schema's own": (
        EYE + "dim = 3\nblas = true\n",
        ["vision: dim must be even, got 3", "vision.blas: unknown key"],
    ),
    "a misspelt key and a missing value": (
        EYE + '[data]\nuse = "shelf"\nfliles = []\n',
        ["data.root: is missing", "data.fliles: unknown key"],
    ),
    "two wrong values of a check's": (
        EYE + "dim = 0\nscale = true\n[preprocessing]\nsize = 3\n[[loss]]\nuse = 'pain'\n",
        ["vision.dim", "vision.scale", "preprocessing.size", "loss.0: no loss"],
    ),
}
ALONE = {
    "the patch is misspelt": EYE + "ptach = 7\n[preprocessing]\nsize = 28\n",
    "the patch is wrong": EYE + "patch = 2.5\n[preprocessing]\nsize = 28\n",
    "the patch may have been meant": EYE + "zzzz = 7\n[preprocessing]\nsize = 28\n",
    "the image size is misspelt": EYE + "patch = 9\n[preprocessing]\nszie = 27\n",
    "the image size may have been meant": EYE + "patch = 9\n[preprocessing]\nimage = 27\n",
    "the table of the image size is misspelt": EYE + "patch = 9\n[preprocesing]\nsize = 27\n",
    "the width is misspelt": EYE + "dmi = 16\n[text]\nuse = 'scribe'\ndim = 16\n" + PROMPTS,
    "the width is wrong": EYE + "dim = 1.5\n[text]\nuse = 'scribe'\ndim = 16\n" + PROMPTS,
    "the width of a part in a part is misspelt": (
        '[vision]\nuse = "pair"\n[vision.image]\nuse = "eye"\ndmi = 16\n'
        '[text]\nuse = "scribe"\ndim = 16\n' + PROMPTS
    ),
    "what is missing is misspelt": EYE + '[data]\nuse = "shelf"\nroto = "x"\n',
    "the images' table is misspelt": '[visoin]\nuse = "eye"\n',
    "the losses are misspelt": EYE + '[[losss]]\nuse = "plain"\n' + DATA + TRAINING,
    "the only loss is unknown": EYE + '[[loss]]\nuse = "plian"\n' + DATA + TRAINING,
    "the data are misspelt": EYE + PLAIN + '[dtaa]\nuse = "shelf"\nroot = "x"\n' + TRAINING,
    "the text is misspelt": (
        EYE + '[txet]\nuse = "scribe"\n' + PROMPTS + '[[loss]]\nuse = "echo"\n'
    ),
    "the alignment is misspelt": (
        EYE + TEXT + PROMPTS + '[alignmnet]\nuse = "gate"\n[[loss]]\nuse = "contrast"\n'
    ),
    "the detector is misspelt": '[detecter]\nuse = "whole"\n[[loss]]\nuse = "contrast"\n',
    "the detector is unknown": '[detector]\nuse = "whloe"\n[[loss]]\nuse = "contrast"\n',
    "the sentences are misspelt": EYE + TEXT + '[prompts]\nuse = "words"\nlevls = 2\n',
}


def messages(said: str) -> list[str]:
    """Without their places, and without notes."""
    return [line.split(": ", 1)[1] for line in said.splitlines() if not line.startswith(" ")]


@pytest.mark.parametrize("case", TOGETHER)
def test_independent_mistakes_are_told_together(complaints, case):
    text, wanted = TOGETHER[case]
    told = messages(complaints(text))
    assert len(told) == len(wanted), told
    for message, beginning in zip(told, wanted, strict=True):
        assert message.startswith(beginning)


@pytest.mark.parametrize("case", ALONE)
def test_what_follows_from_a_mistake_is_not_told_too(complaints, case):
    assert len(messages(complaints(ALONE[case]))) == 1


@pytest.mark.parametrize(
    ("text", "override", "count"),
    [
        # The assembly says dim = 16; the recipe meant to say otherwise.
        ('assembly = "duo"\n[vision.image]\ndmi = 4\n[text]\ndim = 4\n', (), 1),
        ('assembly = "duo"\n[text]\ndim = 4\n', ("vision.image.dmi=4",), 1),
        (
            'assembly = "duo"\n[text]\ndim = 4\n[vision.image]\ndmi = 4\n',
            ("vision.image.dim=16",),
            2,
        ),
        ('assembly = "duo"\n[text]\ndim = 4\n[vision.noise]\ndmi = 4\n', (), 2),
        # Ear(bins=5) is the default part in this place.
        ('[vision]\nuse = "pair"\nnoise = { bnis = 4 }\n', (), 1),
    ],
)
def test_a_misspelt_key_doubts_what_it_would_have_overridden(complaints, text, override, count):
    assert len(messages(complaints(text, *override))) == count


def test_every_one_of_them_would_be_told_without_the_other(complaints):
    """The misfits that are left unsaid above are misfits when nothing else is wrong."""
    assert messages(complaints(EYE + "patch = 9\n")) == [UNFIT]
    unfit = messages(complaints(EYE + "[preprocessing]\nsize = 28\n"))
    assert unfit == ["vision.patch: does not divide 28, got 16"]


@pytest.mark.parametrize(
    "look",
    [
        lambda value: value % 16,
        lambda value: 16 % value,
        lambda value: value == 16,
        lambda value: value > 16,
        lambda value: value < 16,
        lambda value: bool(value),
        lambda value: f"{value}",
        lambda value: list(value),
        lambda value: len(value),
        lambda value: value.suffix,
        lambda value: 16 in value,
        lambda value: {value},
        lambda value: int(value),
        lambda value: max(value, 16),
    ],
)
def test_nobody_can_look_at_a_value_in_doubt(look):
    with pytest.raises(InDoubt):
        look(UNKNOWN)


def test_what_a_part_says_before_it_looks_is_told(complaints, plugins, monkeypatch):
    def misfits(self, context):
        yield Misfit("patch", "is known")
        if self.dim > 3:
            yield Misfit("dim", "follows")

    monkeypatch.setattr(plugins.get("encoder", "eye").schema, "misfits", misfits)
    assert messages(complaints(EYE + "dmi = 4\n")) == [
        "vision.patch: is known",
        "vision.dmi: unknown key 'dmi'; did you mean 'dim'?",
    ]


@pytest.mark.parametrize(
    ("key", "given", "meant"),
    [
        ("ptach", (), {"patch"}),
        ("ptach", ("patch",), set()),
        ("zzzz", ("patch",), {"dim", "size"}),
    ],
)
def test_a_key_puts_in_doubt_what_it_may_have_meant(key, given, meant):
    assert meant_by(key, ["dim", "patch", "size"], given) == meant
