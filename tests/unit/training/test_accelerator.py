from __future__ import annotations

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, PartialState

from mfclip.errors import UsageError
from mfclip.training.accelerator import accelerator_on

CPU = torch.device("cpu")


def product(accelerator: Accelerator) -> torch.dtype:
    with accelerator.autocast():
        return (torch.ones(2, 2) @ torch.ones(2, 2)).dtype


def test_one_precision_after_the_other_in_one_process():
    for dtype in (torch.bfloat16, torch.float32, torch.bfloat16):
        with accelerator_on(CPU, dtype) as accelerator:
            assert accelerator.device == CPU
            assert product(accelerator) == dtype
    assert PartialState._shared_state == {}


def test_a_set_up_of_the_caller_is_used_and_left():
    theirs = Accelerator(cpu=True)
    try:
        with accelerator_on(CPU, torch.float32) as accelerator:
            assert product(accelerator) == torch.float32
        with (
            pytest.raises(UsageError, match="already set up in this process"),
            accelerator_on(CPU, torch.bfloat16),
        ):
            pass
        assert theirs.state.initialized
    finally:
        AcceleratorState._reset_state(reset_partial_state=True)


def test_one_process_of_several_is_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with (
        pytest.raises(UsageError, match=r"one of 2.*without torchrun"),
        accelerator_on(CPU, torch.float32),
    ):
        pass
