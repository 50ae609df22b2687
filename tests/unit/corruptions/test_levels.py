import pickle

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

SIDES = st.integers(1, 40)
SEEDS = st.integers(-(2**65), 2**65)
IMAGES = st.tuples(SIDES, SIDES).flatmap(lambda size: arrays("uint8", (3, *size)))
FEW = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@FEW
@given(pixels=IMAGES, level=st.integers(1, 5), seed=SEEDS)
def test_any_image_and_seed(corruption, pixels, level, seed):
    image = torch.from_numpy(pixels)
    before = image.clone()
    result = corruption(image, level, seed)
    assert (result.shape, result.dtype) == (image.shape, torch.uint8)
    assert torch.equal(image, before)
    torch.manual_seed(seed % 100)  # the global generator has no say
    assert torch.equal(corruption(image, level, seed), result)


@FEW
@given(
    size=st.tuples(SIDES, SIDES),
    level=st.integers(1, 5),
    seeds=st.lists(SEEDS, min_size=1, max_size=4),
)
def test_an_image_does_not_depend_on_the_images_beside_it(corruption, size, level, seeds):
    random = torch.Generator().manual_seed(level)
    images = torch.randint(256, (len(seeds), 3, *size), generator=random).byte()
    together = corruption.batch(images, level, seeds)
    alone = [corruption(image, level, seed) for image, seed in zip(images, seeds, strict=True)]
    assert torch.equal(together, torch.stack(alone))
    backwards = corruption.batch(images.flip(0), level, seeds[::-1])
    assert torch.equal(backwards.flip(0), together)


def test_strided_images(corruption, photo):
    image = photo("cat", 48)
    strided = image.permute(1, 2, 0).contiguous().permute(2, 0, 1)
    assert not strided.is_contiguous()
    assert torch.equal(corruption(strided, 3, 7), corruption(image, 3, 7))


def test_no_images(corruption):
    assert corruption.batch(torch.empty(0, 3, 8, 8, dtype=torch.uint8), 1, []).shape == (0, 3, 8, 8)


@pytest.mark.parametrize("level", [0, 6, -1, 2.5])
def test_levels_that_are_none(corruption, photo, level):
    with pytest.raises(ValueError, match=f"level is 1 to 5, got {level}"):
        corruption(photo("cat", 32), level, 0)


def test_images_that_are_none(corruption):
    with pytest.raises(ValueError, match=r"\(B, 3, H, W\) of torch.uint8, got .* torch.float32"):
        corruption(torch.rand(3, 8, 8), 1, 0)
    with pytest.raises(ValueError, match=r"got \(1, 1, 8, 8\)"):
        corruption(torch.zeros(1, 8, 8, dtype=torch.uint8), 1, 0)
    with pytest.raises(
        ValueError, match=r"one image has the shape \(3, H, W\), got \(2, 3, 8, 8\)"
    ):
        corruption(torch.zeros(2, 3, 8, 8, dtype=torch.uint8), 1, 0)
    with pytest.raises(ValueError, match="each image has a seed, got 2 and 1"):
        corruption.batch(torch.zeros(2, 3, 8, 8, dtype=torch.uint8), 1, [0])


def test_they_go_to_other_processes(corruption, photo):
    image = photo("face", 32)
    copy = pickle.loads(pickle.dumps(corruption))
    assert torch.equal(copy(image, 5, 1), corruption(image, 5, 1))


def test_only_blocks_and_noise_read_the_seed(built, photo):
    image = photo("coffee", 64)
    random = {
        name for name, one in built.items() if not torch.equal(one(image, 3, 0), one(image, 3, 1))
    }
    assert random == {"block", "noise"}
