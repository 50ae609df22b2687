"""Pseudo-fakes in the place of fakes: which, of what, with which truth."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
import torch
from torch import nn

from mfclip.data.inputs import Inputs, Maker
from mfclip.data.labels import HierarchicalLabel
from mfclip.data.loader import Batch
from mfclip.data.manifest import Manifest, Row
from mfclip.data.preprocess import Preprocessor
from mfclip.data.prompts import PromptTable
from mfclip.detector.assemble import LossTerm
from mfclip.errors import DataError, PluginError, UsageError
from mfclip.parts import BuildContext, PseudoFake
from mfclip.recipe.settings import AugmentationSettings, PreprocessingSettings
from mfclip.testing.toys import ToyPseudoFake
from mfclip.training.augment import Augmenter
from mfclip.training.feed import Feed
from mfclip.training.pseudo import PseudoFakes, make_pseudo_fakes

CONTEXT = BuildContext()
CPU = torch.device("cpu")
ROWS = 40
"""Of the batches here: even ones are real, odd ones fake."""


class Traced(PseudoFake):
    """Pixels that tell what they were made of: the partner's first one, and the seed."""

    forgery: ClassVar[str] = "traced"
    use: Literal["traced"] = "traced"
    """Name of the part."""

    def build(self, context: BuildContext) -> Any:
        def forge(image, partner, seed):
            made = image.clone()
            made[0, 0, 1], made[0, 0, 2] = partner[0, 0, 0], seed % 251
            return made

        return forge


class Otherwise(Traced):
    """The same with another name."""

    use: Literal["otherwise"] = "otherwise"  # type: ignore[assignment]
    """Name of the part."""

    def build(self, context: BuildContext) -> Any:
        return lambda image, partner, seed: 255 - image


def image_of(row: int, shape=(3, 4, 5)) -> torch.Tensor:
    """The first pixel says which row it is of."""
    image = torch.full(shape, 100, dtype=torch.uint8)
    image[..., 0, 0] = row
    return image


def batch(rows, shape=(3, 4, 5)) -> Batch:
    places = torch.tensor(rows)
    return Batch([image_of(row, shape) for row in rows], places % 2, places % 2 + 5, places)


def table(*parts: PseudoFake) -> PromptTable:
    class Renderer:
        def render(self, label):
            return (f"a {label.label} face", f"made by {label.generator or 'somebody'}")

    known = (HierarchicalLabel("fake"), HierarchicalLabel("real"))
    return PromptTable.make([*known, *(part.label for part in parts)], Renderer())


def pseudo(
    *parts: PseudoFake,
    share: float = 1.0,
    prompts: PromptTable | None = None,
    variants: int | None = None,
):
    settings = AugmentationSettings(
        pseudo=share, pseudo_fakes=parts or (Traced(),), variants=variants
    )
    return PseudoFakes(settings, CONTEXT, prompts)


def same(some, others) -> bool:
    return all(torch.equal(a, b) for a, b in zip(some, others, strict=True))


@pytest.mark.parametrize(
    "settings", [{}, {"pseudo": 1.0}, {"pseudo": 0.0, "pseudo_fakes": (Traced(),)}]
)
def test_settings_that_ask_for_none_make_nothing(settings):
    assert make_pseudo_fakes(AugmentationSettings(**settings), CONTEXT, None) is None


def test_fakes_give_their_place_and_reals_are_untouched():
    given = batch(range(ROWS))
    before = [image.clone() for image in given.images]
    forged = pseudo()(given, 0, 0)
    assert forged.places == frozenset(range(1, ROWS, 2))
    assert same(given.images, before)
    made = forged.batch
    assert same(made.images[::2], before[::2])
    assert torch.equal(made.label, given.label)
    assert torch.equal(made.index, given.index)
    sources = [int(image[0, 0, 0]) for image in made.images[1::2]]
    partners = [int(image[0, 0, 1]) for image in made.images[1::2]]
    assert all(source % 2 == 0 for source in sources)
    assert all(partner % 2 == 0 for partner in partners)
    assert all(source != partner for source, partner in zip(sources, partners, strict=True))
    assert len(set(sources)) > 5
    assert len(set(partners)) > 5


@pytest.mark.parametrize("share", [0.1, 0.25, 0.8])
def test_the_share_of_replaced_fakes_is_the_one_asked_for(share):
    make, epochs = pseudo(share=share), 50
    made = sum(len(make(batch(range(ROWS)), 0, epoch).places) for epoch in range(epochs))
    tries = epochs * ROWS // 2
    assert abs(made / tries - share) < 4 * (share * (1 - share) / tries) ** 0.5  # four std. errors


def test_parts_are_drawn_with_equal_chance():
    make = pseudo(Traced(), Otherwise())
    made = [
        image
        for epoch in range(50)
        for image in make(batch(range(ROWS)), 0, epoch).batch.images[1::2]
    ]
    inverted = sum(int(image[0, 1, 1]) == 155 for image in made)
    assert abs(inverted / len(made) - 0.5) < 4 * (0.25 / len(made)) ** 0.5


def test_a_place_has_the_prompt_of_its_own_label():
    parts = (Traced(), Otherwise())
    prompts = table(*parts)
    given = batch(range(ROWS))
    made = pseudo(*parts, share=0.7, prompts=prompts)(given, 0, 0)
    kinds = set()
    for place in range(ROWS):
        image, row = made.batch.images[place], int(made.batch.prompt[place])
        if place not in made.places:
            assert row == place % 2 + 5
            continue
        part = parts[int(image[0, 1, 1]) == 155]
        assert row == prompts.row(part.label)
        assert prompts.sentences[row] == ("a fake face", f"made by {part.use}")
        kinds.add(part.use)
    assert kinds == {"traced", "otherwise"}


def test_a_table_without_the_label_is_refused_before_training():
    with pytest.raises(DataError, match="no prompt for the label fake/traced/traced"):
        pseudo(prompts=table())


def test_the_order_of_a_batch_does_not_matter_and_epoch_and_seed_do():
    make = pseudo(share=0.6)
    whole = make(batch(range(ROWS)), 0, 0)
    turned = make(batch(range(ROWS)[::-1]), 0, 0)
    assert same(whole.batch.images, turned.batch.images[::-1])
    assert torch.equal(whole.batch.prompt, turned.batch.prompt.flip(0))
    # Other fakes of the batch do not matter either.
    few = make(batch([*range(0, ROWS, 2), 7, 3]), 0, 0)
    assert same(few.batch.images[-2:], [whole.batch.images[7], whole.batch.images[3]])
    for seed, epoch in ((1, 0), (0, 1)):
        other = make(batch(range(ROWS)), seed, epoch)
        assert other.places != whole.places


def test_mirrors_crops_and_corruptions_draw_as_they_did():
    settings = AugmentationSettings(mirror=0.5, crop=0.3, pseudo=0.5, pseudo_fakes=(Traced(),))
    given = batch(range(ROWS), (3, 20, 20))
    forged = PseudoFakes(settings, CONTEXT, None)(given, 0, 0)
    augment = Augmenter(settings, CONTEXT)
    plain = augment(given.images, range(ROWS), 0, 0)[0]
    changed = augment(forged.batch.images, forged.rows, 0, 0)[0]
    # A pseudo-fake is cropped and mirrored as the real image that it was made of.
    assert [plain[row].shape for row in forged.rows] == [one.shape for one in changed]
    kept = [place for place in range(ROWS) if place not in forged.places]
    assert same([plain[place] for place in kept], [changed[place] for place in kept])


def test_of_versions_each_real_image_has_one_pseudo_fake_whatever_the_batch():
    make = pseudo(share=1.0, variants=2)
    found: dict[tuple[int, int], torch.Tensor] = {}
    for epoch in range(9):
        rows = torch.randperm(ROWS, generator=torch.Generator().manual_seed(epoch)).tolist()
        forged = make(batch(rows), 0, epoch)
        for place in forged.places:
            image = forged.batch.images[place].clone()
            image[0, 0, 1] = 0  # the partner, which is another one each time
            before = found.setdefault((forged.rows[place], epoch % 3), image)
            assert torch.equal(image, before)
    assert len({turn for _, turn in found}) == 3


def test_rows_name_the_real_image_that_was_forged():
    forged = pseudo(share=1.0)(batch(range(ROWS)), 0, 0)
    for place, image in enumerate(forged.batch.images):
        assert forged.rows[place] == image[0, 0, 0]


def test_a_batch_without_reals_stays_as_it_is():
    given = batch(range(1, ROWS, 2))
    forged = pseudo()(given, 0, 0)
    assert forged.places == frozenset()
    assert same(forged.batch.images, given.images)


def test_the_only_real_image_is_its_own_partner():
    made = pseudo()(batch([4, 1, 3]), 0, 0)
    assert made.places == {1, 2}
    for image in made.batch.images[1:]:
        assert image[0, 0, :2].tolist() == [4, 4]


def test_an_image_in_which_nothing_is_forged_is_no_fake():
    class Idle(Traced):
        """Changes nothing."""

        def build(self, context: BuildContext) -> Any:
            return lambda image, partner, seed: image.clone()

    given = batch(range(ROWS))
    forged = pseudo(Idle())(given, 0, 0)
    assert forged.places == frozenset()
    assert same(forged.batch.images, given.images)
    assert torch.equal(forged.batch.prompt, given.prompt)


def test_all_frames_of_a_clip_are_forged_with_one_seed():
    clips = batch(range(ROWS), (6, 3, 4, 5))
    made = pseudo()(clips, 0, 0)
    seeds = set()
    for image in made.batch.images[1::2]:
        assert image.shape == (6, 3, 4, 5)
        (seed,) = {int(frame[0, 0, 2]) for frame in image}
        assert {int(frame[0, 0, 1]) for frame in image} == {int(image[0, 0, 0, 1])}
        seeds.add(seed)
    assert len(seeds) > 10


@pytest.mark.parametrize(
    ("forge", "said"),
    [
        (lambda image, *_: image.float(), r"gave \(3, 4, 5\) of torch\.float32; expected"),
        (lambda image, *_: image[:, 1:], r"gave \(3, 3, 5\) of torch\.uint8; expected"),
        (lambda *_: None, r"gave NoneType; expected an image like the one that went in"),
        (lambda image, *_: image.nothing, "failed: AttributeError"),
    ],
)
def test_a_part_that_gives_something_else_is_named(forge, said):
    broken = type("Broken", (Traced,), {"build": lambda self, context: forge, "__doc__": "x"})
    with pytest.raises(PluginError, match=rf"augmentation\.pseudo_fakes\.0: pseudo-fake.*{said}"):
        pseudo(broken())(batch(range(4)), 0, 0)


def feed(make: PseudoFakes | None, inputs: Inputs, prompts: PromptTable | None = None) -> Feed:
    rows = tuple(
        Row(Path(f"{row}.png"), HierarchicalLabel("fake" if row % 2 else "real"))
        for row in range(ROWS)
    )
    pre = Preprocessor(PreprocessingSettings(size=16), inputs=inputs)
    return Feed(Manifest(Path("somewhere"), rows), prompts, pre, CPU, None, 0, make)


def test_the_losses_see_the_new_truth_and_inputs_of_the_new_image(tmp_path, monkeypatch):
    monkeypatch.setenv("MFCLIP_CACHE", str(tmp_path))
    first = Maker("first", lambda source: source.image[0, 0].float())
    prompts = table(Traced())
    given = replace(batch(range(ROWS)), prompt=torch.arange(ROWS) % 2)
    fed = feed(pseudo(prompts=prompts), Inputs((first,), frozenset({"first"})), prompts)
    forged = fed.forge(given, 0)
    trained = fed(forged, 0, 0.0)
    targets = fed.targets(trained, frozenset({"first"}))
    assert targets.label.tolist() == [0, 1] * (ROWS // 2)
    assert targets.prompt.tolist() == [0, prompts.row(Traced().label)] * (ROWS // 2)
    expected = torch.stack([image[0, 0].float() for image in forged.batch.images])
    assert torch.equal(targets.named["first"], expected)
    tokens = prompts.tokens[prompts.row(Traced().label)]
    assert torch.equal(trained.reads["tokens"][1], tokens)
    # What is made of images that will not come again is not kept.
    assert len(list(tmp_path.rglob("*.npy"))) == ROWS // 2


CHOICES: dict[str, Any] = {"pseudo": pseudo(ToyPseudoFake(), share=0.5)}


@pytest.mark.parametrize("steps", [1, 4, 6])
def test_a_killed_run_resumes_alike(fit, tmp_path, steps, kill, same):
    whole = fit(run=tmp_path / "whole", **CHOICES)
    kill(steps, checkpoint_steps=2, **CHOICES)
    resumed = fit(checkpoint_steps=2, resume=True, **CHOICES)
    assert same(whole.detector, resumed.detector)
    counts = [[epoch.pseudo_fakes for epoch in one.result.history] for one in (whole, resumed)]
    assert counts[0] == counts[1]
    assert all(0 < count < 9 for count in counts[0])


def test_they_change_what_is_learnt_and_are_counted(fit, tmp_path, same, watch):
    plain = fit(run=tmp_path / "plain")
    other = fit(run=tmp_path / "other", progress=watch, **CHOICES)
    assert not same(plain.detector, other.detector)
    lines = [json.loads(line) for line in (other.run / "history.jsonl").read_text().splitlines()]
    assert [line["pseudo_fakes"] for line in lines] == [one.pseudo_fakes for one in watch.epochs]
    assert [one.pseudo_fakes for one in plain.result.history] == [0, 0]


def test_a_run_goes_on_only_with_its_pseudo_fakes(fit, kill):
    kill(6, **CHOICES)
    with pytest.raises(UsageError, match=r"augmentation\.pseudo"):
        fit(resume=True, pseudo=pseudo(ToyPseudoFake(), share=0.25))


class Learner(PseudoFake):
    """Adds noise as strong as the mean of the real images, and counts."""

    use: Literal["learner"] = "learner"
    """Name of the part."""

    def build(self, context: BuildContext) -> Any:
        return Learning()


class Learning(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(-1.0))
        self.fitted = 0

    def fit(self, images, seed) -> None:
        self.fitted += 1
        self.seen = list(images)
        self.seed = seed
        self.mean.fill_(torch.stack(self.seen).float().mean())

    def forward(self, image, partner, seed):
        assert self.mean >= 0
        noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(seed))
        return (image + self.mean * noise).clamp(0, 255).to(torch.uint8)


def test_one_that_learns_sees_the_real_training_images_once_each(fit, faces, watch):
    make = pseudo(ToyPseudoFake(), Learner())
    fit(pseudo=make, progress=watch)
    (learner,) = make.learners.values()
    assert learner.fitted == 1
    reals = [row for row in faces.of_split("train").rows if not row.is_fake]
    from mfclip.data.images import read_picture

    wanted = {read_picture(faces.file(row)).pixels.tobytes() for row in reals}
    seen = [
        np.ascontiguousarray(image.permute(1, 2, 0).numpy()).tobytes() for image in learner.seen
    ]
    assert len(seen) == len(reals) == 9
    assert set(seen) == wanted


def test_a_resumed_run_learns_nothing_anew_and_makes_the_same(fit, kill, same, tmp_path):
    def given() -> dict[str, Any]:
        return {"pseudo": pseudo(ToyPseudoFake(), Learner(), share=0.7), "checkpoint_steps": 1}

    whole = fit(run=tmp_path / "whole", **given())
    kill(4, **given())
    again = given()
    resumed = fit(resume=True, **again)
    (learner,) = again["pseudo"].learners.values()
    assert learner.fitted == 0
    assert learner.mean >= 0
    assert same(whole.detector, resumed.detector)


def test_one_that_fails_on_the_reals_is_named(fit):
    class Failing(Learning):
        def fit(self, images, seed) -> None:
            raise ZeroDivisionError("nothing there")

    broken = type("Broken", (Learner,), {"build": lambda self, context: Failing(), "__doc__": "x"})
    with pytest.raises(PluginError, match=r"'learner'.*failed on the real training images: Zero"):
        fit(pseudo=pseudo(broken()))


def test_a_loss_that_reads_the_label_sees_as_many_fakes_as_before(fit):
    seen: list[int] = []

    class Counting(nn.Module):
        def forward(self, outputs, targets):
            seen.extend(targets.label.tolist())
            return nn.functional.cross_entropy(outputs.logits, targets.label)

    fit(epochs=1, terms=[LossTerm("cross-entropy", 1.0, Counting())], **CHOICES)
    assert (seen.count(0), seen.count(1)) == (9, 9)


def test_changes_and_versions_of_an_image_do_not_depend_on_the_other_rows(tmp_path):
    """What is kept of a version in one training serves another, as of a fold without a kind."""
    settings = AugmentationSettings(
        mirror=0.5, crop=0.5, variants=1, pseudo=1.0, pseudo_fakes=(Otherwise(),)
    )
    label = (HierarchicalLabel("real"), HierarchicalLabel("fake"))
    whole = tuple(Row(Path(f"{i}.png"), label[i % 2], "train") for i in range(ROWS))
    found = []
    for places in (range(ROWS), range(10, ROWS - 4)):
        rows = tuple(whole[place] for place in places)
        feed = Feed(
            Manifest(tmp_path, rows),
            None,
            Preprocessor(PreprocessingSettings(size=16)),
            CPU,
            Augmenter(settings, CONTEXT),
            0,
            PseudoFakes(settings, CONTEXT, None),
        )
        real = [place for place, row in enumerate(rows) if not row.is_fake]
        images = [image_of(int(rows[place].path.stem), (3, 30, 30)) for place in (*real, 1)]
        index = torch.tensor([*real, 1])
        given = Batch(images, index % 2, index * 0 - 1, index)
        fed = feed(feed.forge(given, 1), 1, 0.0)
        of = [int(rows[place].path.stem) for place in real]
        found.append(dict(zip(of, fed.images, strict=False)))
        made = feed.forge(given, 1)
        assert made.places == {len(real)}
    assert found[1].keys() < found[0].keys()
    for row, image in found[1].items():
        assert torch.equal(image, found[0][row])
