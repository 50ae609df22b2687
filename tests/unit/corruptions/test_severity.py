"""Each level is worse than the one before, on photographs, by two measures of scikit-image."""

from itertools import pairwise

import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity


def pixels(image):
    return image.permute(1, 2, 0).numpy()


def falling(values) -> bool:
    return all(later < earlier for earlier, later in pairwise(values))


@pytest.mark.parametrize("size", [224, 128])
def test_each_level_is_worse(corruption, photo, photos, size):
    for name in photos:
        image = photo(name, size)
        levels = [corruption(image, level, 5) for level in range(1, 6)]
        ratio = [peak_signal_noise_ratio(pixels(image), pixels(one)) for one in levels]
        likeness = [
            structural_similarity(pixels(image), pixels(one), channel_axis=2) for one in levels
        ]
        assert falling([50, *ratio]), (name, ratio)
        assert falling([1, *likeness]), (name, likeness)
