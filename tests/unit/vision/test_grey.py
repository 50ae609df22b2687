import numpy as np
import pytest
import torch

from mfclip_vision.grey import exact_levels, grey_levels, quick_levels


def as_images(colours: np.ndarray) -> torch.Tensor:
    """(n, 3) values 0-255 -> one image 8 pixels wide, in 0-1."""
    return torch.from_numpy(colours.astype(np.float32) / np.float32(255)).T.reshape(1, 3, -1, 8)


def integer_levels(colours: np.ndarray) -> torch.Tensor:
    """The definition in whole numbers, for 8-bit colours."""
    red, green, blue = colours.astype(np.int64).T
    return torch.from_numpy((2989 * red + 5870 * green + 1140 * blue) // 10000)


def colours_of_whole_grey() -> np.ndarray:
    """Every 8-bit colour whose exact grey is an integer: there, any error shows."""
    red, green, blue = np.meshgrid(*[np.arange(256, dtype=np.int32)] * 3, indexing="ij")
    whole = (2989 * red + 5870 * green + 1140 * blue) % 10000 == 0
    return np.stack([red[whole], green[whole], blue[whole]], axis=1)


@pytest.mark.parametrize("levels_of", [quick_levels, exact_levels, grey_levels])
def test_colours_of_whole_grey_are_not_cut_a_level_too_low(levels_of):
    colours = colours_of_whole_grey()
    assert len(colours) == 1704
    levels = levels_of(as_images(colours)).flatten()
    assert torch.equal(levels.long(), integer_levels(colours))


@pytest.mark.parametrize("levels_of", [quick_levels, exact_levels])
def test_eight_bit_colours_have_the_level_of_whole_number_arithmetic(levels_of):
    colours = np.random.default_rng(0).integers(0, 256, (400_000, 3))
    levels = levels_of(as_images(colours)).flatten()
    assert torch.equal(levels.long(), integer_levels(colours))


def test_quick_levels_are_the_exact_ones_beside_every_step():
    """Colours within a few float32 roundings of a whole level, on both sides."""
    generator = torch.Generator().manual_seed(0)
    red, green = torch.rand(2, 40_000, generator=generator, dtype=torch.float64)
    level = torch.randint(0, 256, red.shape, generator=generator)
    blue = (level / 255 - 0.2989 * red - 0.587 * green) / 0.114
    inside = (blue > 0) & (blue < 1)
    colours = torch.stack([red, green, blue])[:, inside].float()
    colours = colours[:, : colours.shape[1] // 8 * 8].reshape(1, 3, -1, 8)
    assert colours[0, 0].numel() > 4000
    literal = colours.double() * torch.tensor([0.2989, 0.587, 0.114]).double()[:, None, None]
    above = (literal.sum(1) * 255) % 1 < 0.5
    assert above.any()
    assert not above.all()
    assert torch.equal(quick_levels(colours), exact_levels(colours))


def test_exact_levels_are_numpys(draw_images):
    images = draw_images(6, 64)
    red, green, blue = images.double().numpy().transpose(1, 0, 2, 3)
    expected = ((0.2989 * red + 0.587 * green + 0.114 * blue) * 255).astype(np.uint8)
    assert np.array_equal(grey_levels(images).numpy(), expected)


@pytest.mark.parametrize(
    ("colour", "level"), [((1, 0, 0), 76), ((0, 1, 0), 149), ((0, 0, 1), 29), ((1, 1, 1), 254)]
)
def test_each_channel_has_its_own_weight(colour, level):
    image = torch.tensor(colour).float().view(1, 3, 1, 1).expand(1, 3, 8, 8)
    assert grey_levels(image).unique().tolist() == [level]


def test_black_is_level_zero():
    assert not grey_levels(torch.zeros(2, 3, 8, 8)).any()


def test_a_compiled_graph_takes_the_path_without_branches(monkeypatch, draw_images):
    images = draw_images(2, 32)
    quick = grey_levels(images)
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    monkeypatch.setattr("mfclip_vision.grey.quick_levels", None)
    assert torch.equal(grey_levels(images), quick)


def test_memory_layout_does_not_matter(draw_images):
    images = draw_images(2, 32)
    last = images.contiguous(memory_format=torch.channels_last)
    assert torch.equal(grey_levels(last), grey_levels(images))
