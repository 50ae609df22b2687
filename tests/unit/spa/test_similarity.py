import math

import pytest
import torch

from mfclip_spa.similarity import LARGEST_SCALE, Temperature, unit_pairs


def test_unit_pairs_give_the_cosine(pairs):
    visual, text = pairs()
    expected = torch.cosine_similarity(visual[:, None], text[None, :], dim=-1)
    unit, caption = unit_pairs(visual, text)
    torch.testing.assert_close(unit @ caption.T, expected)


def test_unit_pairs_refuse_what_is_no_batch_of_pairs():
    with pytest.raises(ValueError, match=r"received \(3, 4\) and \(2, 4\)"):
        unit_pairs(torch.ones(3, 4), torch.ones(2, 4))
    with pytest.raises(ValueError, match=r"received \(4,\) and \(4,\)"):
        unit_pairs(torch.ones(4), torch.ones(4))


def test_temperature_starts_where_told():
    torch.testing.assert_close(Temperature()(), torch.tensor(1 / 0.07))
    torch.testing.assert_close(Temperature(0.5)(), torch.tensor(2.0))


@pytest.mark.parametrize("start", [0.0, 0.001, -1.0, 1000.0])
def test_temperature_out_of_range_is_named(start):
    with pytest.raises(ValueError, match=f"temperature is {start}"):
        Temperature(start)


def test_scale_never_exceeds_its_limit():
    temperature = Temperature()
    temperature.log_scale.data.fill_(50)
    assert temperature().item() == pytest.approx(LARGEST_SCALE)


@pytest.mark.parametrize("direction", [-1, 1])
def test_beyond_the_limit_only_the_way_back_is_open(direction):
    temperature = Temperature()
    temperature.log_scale.data.fill_(math.log(LARGEST_SCALE) + 1)
    (direction * temperature()).backward()
    moved = -temperature.log_scale.grad  # where descent goes
    assert (moved < 0) if direction > 0 else (moved == 0)


def test_descent_leaves_the_limit_again():
    temperature = Temperature(0.01)
    temperature.log_scale.data.add_(0.2)
    optimiser = torch.optim.SGD(temperature.parameters(), lr=1e-3)
    for _ in range(50):
        optimiser.zero_grad()
        temperature().backward()
        optimiser.step()
    assert temperature().item() < LARGEST_SCALE - 1


def test_weights_that_hold_a_scalar_load_too():
    temperature = Temperature()
    assert temperature.log_scale.shape == (1,)
    temperature.load_state_dict({"log_scale": torch.tensor(2.0)})
    assert temperature.log_scale.tolist() == [2.0]
