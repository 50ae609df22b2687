"""One process; several are in tests/functional/spa/test_distributed.py."""

import torch

from mfclip_spa.gather import gather_rows, world


def test_outside_of_a_process_group_this_is_the_whole_world():
    rows = torch.ones(2, 3)
    assert world() == (0, 1)
    assert gather_rows(rows) is rows
    assert gather_rows(rows, with_grad=False, keep_own=False) is rows
