import numpy as np
import pytest
import torch
from scipy import ndimage

from mfclip_vision.srm import SrmResidual, srm3, srm30


@pytest.mark.parametrize(("bank", "count"), [(srm3, 3), (srm30, 30)])
def test_filters_sum_to_zero_and_differ(bank, count):
    kernels = bank()
    assert len(kernels) == count
    assert all(kernel.weights.shape == (5, 5) for kernel in kernels)
    assert all(kernel.weights.sum() == 0 for kernel in kernels)
    assert len({tuple(kernel.weights.flatten().tolist()) for kernel in kernels}) == count


def test_the_three_common_filters():
    square, large, second = (kernel.weights for kernel in srm3())
    assert [kernel.divisor for kernel in srm3()] == [4, 12, 2]
    assert square[1:4, 1:4].tolist() == [[-1, 2, -1], [2, -4, 2], [-1, 2, -1]]
    assert not square[0].any()
    assert large[2].tolist() == [-2, 8, -12, 8, -2]
    assert torch.equal(large, large.T)
    assert second[2].tolist() == [0, 1, -2, 1, 0]
    assert second.abs().sum() == 4


def test_the_thirty_are_eight_four_eight_five_and_five():
    bank = srm30()
    assert [kernel.divisor for kernel in bank] == [1] * 8 + [2] * 4 + [3] * 8 + [4] * 5 + [12] * 5
    for kernel in bank[:20]:
        # A predicted pixel in the centre, of the weight that the residual is divided by.
        assert kernel.weights[2, 2].abs() == kernel.divisor
    for common in srm3():
        assert any(torch.equal(common.weights, kernel.weights) for kernel in bank)


@pytest.mark.parametrize(
    ("order", "members"), [(1, slice(0, 8)), (2, slice(8, 12)), (3, slice(12, 20))]
)
def test_a_filter_of_order_n_spares_polynomials_below_degree_n(order, members):
    row, column = torch.meshgrid(torch.arange(5.0), torch.arange(5.0), indexing="ij")
    for kernel in srm30()[members]:
        for degree in range(order):
            assert (kernel.weights * (row + 3 * column) ** degree).sum().abs() < 1e-3
        assert (kernel.weights * (row + 3 * column) ** order).sum().abs() > 0.5


def test_edge_filters_are_blind_to_one_side():
    small, large = srm30()[21:25], srm30()[26:30]
    for kernel in (*small, *large):
        blind = [not torch.rot90(kernel.weights, turn)[:2].any() for turn in range(4)]
        assert sum(blind) == 1


@pytest.mark.parametrize("bank", ["srm3", "srm30"])
def test_residual_is_scipys(bank, draw_images):
    patch = draw_images(4, 24)
    residual = SrmResidual(bank)(patch).numpy()
    kernels = srm3() if bank == "srm3" else srm30()
    assert residual.shape == (4, len(kernels), 24, 24)
    levels = patch.double().numpy().mean(1) * 255
    for place, kernel in enumerate(kernels):
        weights = kernel.weights.double().numpy() / kernel.divisor
        expected = [ndimage.correlate(level, weights, mode="mirror") for level in levels]
        np.testing.assert_allclose(residual[:, place], expected, atol=1e-3)


def test_an_even_patch_leaves_nothing_not_even_at_its_border():
    assert SrmResidual("srm30")(torch.full((1, 3, 16, 16), 0.7)).abs().max() < 1e-4


def test_truncation_cuts_at_so_many_grey_levels(draw_images):
    patch = draw_images(2, 24)
    whole = SrmResidual()(patch)
    assert whole.abs().max() > 3
    assert torch.equal(SrmResidual(truncate=3)(patch), whole.clamp(-3, 3))


def test_autocast_and_a_cast_to_bf16_leave_the_residual_in_float32(draw_images):
    patch = draw_images(2, 24)
    expected = SrmResidual()(patch)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(SrmResidual()(patch), expected)
    assert torch.equal(SrmResidual().bfloat16()(patch), expected)


def test_filters_are_no_weights():
    assert not list(SrmResidual().parameters())
    assert not SrmResidual().state_dict()
