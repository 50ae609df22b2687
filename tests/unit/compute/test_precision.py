from __future__ import annotations

import warnings

import pytest
import torch

from mfclip.compute import precision
from mfclip.compute.precision import arithmetic_for, choose_precision, cpu_has, precision_name
from mfclip.errors import UsageError

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.fixture(autouse=True)
def ask_the_cpu(monkeypatch):
    monkeypatch.delenv("MFCLIP_BF16_UNITS", raising=False)


def pretend_cpu(monkeypatch, *features: str) -> None:
    monkeypatch.setattr(precision, "cpu_has", lambda feature: feature in features)


def pretend_gpu(monkeypatch, major: int) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (major, 0))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Tesla")


def test_auto_is_bf16_on_a_cpu_with_amx_only(monkeypatch):
    pretend_cpu(monkeypatch, "amx_bf16")
    assert choose_precision("auto", CPU) == torch.bfloat16
    pretend_cpu(monkeypatch, "avx512_bf16")
    assert choose_precision("auto", CPU) == torch.float32


def test_auto_on_a_gpu_goes_by_its_generation(monkeypatch):
    pretend_gpu(monkeypatch, 9)
    assert choose_precision("auto", GPU) == torch.bfloat16
    pretend_gpu(monkeypatch, 7)
    assert choose_precision("auto", GPU) == torch.float32


def test_bf16_on_a_cpu_without_it_is_done_and_warned_of(monkeypatch):
    pretend_cpu(monkeypatch)
    with pytest.warns(UserWarning, match="imitates it"):
        assert choose_precision("bf16", CPU) == torch.bfloat16


@pytest.mark.parametrize("feature", ["amx_bf16", "avx512_bf16"])
def test_bf16_on_a_cpu_with_it_warns_of_nothing(monkeypatch, feature):
    pretend_cpu(monkeypatch, feature)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert choose_precision("bf16", CPU) == torch.bfloat16


def test_bf16_on_an_old_gpu_is_refused(monkeypatch):
    pretend_gpu(monkeypatch, 7)
    with pytest.raises(UsageError, match=r"Tesla.*has no bfloat16.*fp32"):
        choose_precision("bf16", GPU)


def test_another_name_lists_the_allowed_ones():
    with pytest.raises(UsageError, match="'fp16'; allowed: auto, fp32, bf16"):
        choose_precision("fp16", CPU)


def test_names_go_both_ways():
    for name in ("fp32", "bf16"):
        assert precision_name(precision.PRECISIONS[name]) == name


def test_cpu_features_without_the_newer_call(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    assert cpu_has("amx_bf16")
    assert not cpu_has("avx512_bf16")


def test_cpu_features_with_it(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True}, raising=False)
    assert cpu_has("amx_bf16")
    assert not cpu_has("avx512_bf16")


@pytest.mark.parametrize(("word", "answer"), [("yes", True), ("no", False)])
def test_the_environment_overrules_the_cpu(monkeypatch, word, answer):
    monkeypatch.setenv("MFCLIP_BF16_UNITS", word)
    assert cpu_has("amx_bf16") is answer
    assert cpu_has("avx512_bf16") is answer
    assert (choose_precision("auto", CPU) == torch.bfloat16) is answer


def test_another_word_in_the_environment_is_refused(monkeypatch):
    monkeypatch.setenv("MFCLIP_BF16_UNITS", "maybe")
    with pytest.raises(UsageError, match="MFCLIP_BF16_UNITS is 'maybe'; allowed: yes, no"):
        cpu_has("amx_bf16")


@pytest.mark.parametrize(
    ("asked", "recorded", "features", "used"),
    [
        (None, "fp32", ["amx_bf16"], "fp32"),
        (None, "bf16", ["amx_bf16"], "bf16"),
        (None, "bf16", ["avx512_bf16"], "bf16"),
        (None, "bf16", [], "fp32"),
        (None, "", ["amx_bf16"], "bf16"),
        (None, "", ["avx512_bf16"], "fp32"),
        ("auto", "fp32", ["amx_bf16"], "bf16"),
        ("fp32", "bf16", ["amx_bf16"], "fp32"),
        ("bf16", "fp32", ["avx512_bf16"], "bf16"),
    ],
)
def test_a_score_is_computed_as_its_figures_were(monkeypatch, asked, recorded, features, used):
    pretend_cpu(monkeypatch, *features)
    found = arithmetic_for(asked, recorded, CPU)
    assert precision_name(found.used) == used
    assert ("made in" in str(found)) is (recorded not in ("", used))
