from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mfclip.data.inputs import Inputs, Maker
from mfclip.data.labels import HierarchicalLabel
from mfclip.data.loader import Batch
from mfclip.data.manifest import Manifest, Row
from mfclip.data.preprocess import Preprocessor
from mfclip.parts import BuildContext
from mfclip.recipe.settings import AugmentationSettings, PreprocessingSettings
from mfclip.training.augment import make_augmenter
from mfclip.training.feed import Feed
from mfclip_corruptions.parts import Blur, Jpeg, Noise

CONTEXT = BuildContext()


def batch(rows, size=(20, 30)) -> Batch:
    pixels = torch.Generator().manual_seed(0)
    images = [
        torch.randint(0, 256, (3, *size), generator=pixels, dtype=torch.uint8) for _ in range(50)
    ]
    places = torch.tensor(rows)
    return Batch([images[row] for row in rows], places % 2, places * 0 - 1, places)


def changed(rows, seed=0, epoch=0, **settings):
    augment = make_augmenter(AugmentationSettings(**settings), CONTEXT)
    assert augment is not None
    return augment(batch(rows).images, rows, seed, epoch)[0]


def same(some, others) -> bool:
    return all(torch.equal(a, b) for a, b in zip(some, others, strict=True))


@pytest.mark.parametrize(
    "settings", [{}, {"corrupted": 1.0}, {"corruptions": (Blur(),), "corrupted": 0.0}]
)
def test_settings_that_change_nothing_make_nothing(settings):
    assert make_augmenter(AugmentationSettings(**settings), CONTEXT) is None


def test_mirrored_images_are_mirrored():
    found = changed(range(50), mirror=1.0)
    assert same(found, [image.flip(-1) for image in batch(range(50)).images])


def test_the_share_of_mirrored_images_is_the_one_asked_for():
    given = batch(range(50)).images
    flips = [
        not torch.equal(image, before)
        for epoch in range(20)
        for image, before in zip(changed(range(50), epoch=epoch, mirror=0.3), given, strict=True)
    ]
    assert abs(sum(flips) / 1000 - 0.3) < 4 * (0.3 * 0.7 / 1000) ** 0.5  # four standard errors


def test_a_crop_is_a_window_of_the_image_in_its_proportions():
    sizes = set()
    for image, before in zip(changed(range(50), crop=0.5), batch(range(50)).images, strict=True):
        height, width = image.shape[-2:]
        windows = before.unfold(1, height, 1).unfold(2, width, 1)
        assert (windows == image[:, None, None]).all(dim=(0, 3, 4)).any()
        assert abs(width / height - 1.5) < 0.11
        assert 10 <= height <= 20
        sizes.add(height)
    assert len(sizes) > 5


def test_one_of_the_corruptions_is_applied_at_a_level_up_to_the_strongest():
    given = batch(range(50)).images
    found = changed(range(50), corrupted=1.0, strongest=2, corruptions=(Jpeg(), Blur()))
    parts = [part.build(CONTEXT) for part in (Jpeg(), Blur())]
    used = set()
    for image, before in zip(found, given, strict=True):
        matches = [
            (number, level)
            for number, part in enumerate(parts)
            for level in range(1, 6)
            if torch.equal(part(before, level, 0), image)
        ]
        assert len(matches) == 1
        used.add(matches[0])
    assert used == {(0, 1), (0, 2), (1, 1), (1, 2)}


def test_an_image_changes_alike_whatever_is_beside_it_and_anew_in_each_epoch():
    settings = {"mirror": 0.5, "crop": 0.3, "corrupted": 1.0, "corruptions": (Noise(),)}
    whole = changed(range(12), **settings)
    assert same(changed([7, 3], **settings), [whole[7], whole[3]])
    assert same(changed(range(12), **settings), whole)
    for other in ({"epoch": 1}, {"seed": 1}):
        assert not any(
            torch.equal(a, b)
            for a, b in zip(whole, changed(range(12), **other, **settings), strict=True)
        )


def test_photos_beside_the_images_go_through_all_that_those_do_and_maps_do_not():
    images = batch(range(12)).images
    maps = [image[:1].float() for image in images]
    settings = AugmentationSettings(mirror=0.5, crop=0.3, corrupted=1.0, corruptions=(Noise(),))
    augment = make_augmenter(settings, CONTEXT)
    named = {"photo": images, "map": maps}
    found, beside = augment(images, range(12), 0, 0, named, frozenset({"photo"}))
    assert same(beside["photo"], found)
    plain = make_augmenter(AugmentationSettings(mirror=0.5, crop=0.3), CONTEXT)
    assert same(beside["map"], [image[:1].float() for image in plain(images, range(12), 0, 0)[0]])
    assert not same(found, plain(images, range(12), 0, 0)[0])


def test_a_photo_that_an_input_gives_reaches_training_as_its_image_does():
    photo = Maker("photo", lambda source: source.image, kept=False, photo=True)
    rows = tuple(
        Row(Path(f"{i}.png"), HierarchicalLabel("fake" if i % 2 else "real")) for i in range(6)
    )
    settings = AugmentationSettings(mirror=0.5, crop=0.3, corrupted=1.0, corruptions=(Noise(),))
    inputs = Inputs((photo,), frozenset({"photo"}))
    pre = Preprocessor(PreprocessingSettings(size=16), inputs=inputs)
    augment = make_augmenter(settings, CONTEXT)
    feed = Feed(Manifest(Path("somewhere"), rows), None, pre, torch.device("cpu"), augment, 0)
    fed = feed(feed.forge(batch(range(6)), 0), 0, 0.0)
    assert torch.equal(fed.reads["photo"], fed.images)


def test_images_that_go_in_stay_as_they_are():
    given = batch(range(10))
    before = [image.clone() for image in given.images]
    settings = AugmentationSettings(mirror=0.5, crop=0.3, corrupted=1.0, corruptions=(Noise(),))
    make_augmenter(settings, CONTEXT)(given.images, range(10), 0, 0)
    assert same(given.images, before)


def test_versions_take_turns_with_the_image_as_it_is():
    settings = {"mirror": 0.5, "crop": 0.4, "variants": 2, "corrupted": 1.0}
    settings["corruptions"] = (Noise(),)
    epochs = [changed(range(50), epoch=epoch, **settings) for epoch in range(6)]
    for early, late in zip(epochs[:3], epochs[3:], strict=True):
        assert same(early, late)
    as_it_is = batch(range(50)).images
    for row in range(50):
        versions = [epoch[row] for epoch in epochs[:3]]
        # Row 0 is as it is in epoch 0, row 1 in epoch 2, row 2 in epoch 1, row 3 in epoch 0 ...
        assert torch.equal(versions[-row % 3], as_it_is[row])
        assert len({one.numpy().tobytes() for one in versions}) == 3


def test_without_versions_every_epoch_changes_anew():
    epochs = [changed(range(50), epoch=epoch, mirror=0.5, crop=0.4) for epoch in range(6)]
    assert not any(same(epochs[0], later) for later in epochs[1:])
