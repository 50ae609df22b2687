"""Which arithmetic the forward pass uses: float32, or bfloat16 where the device is made for it."""

from __future__ import annotations

import os
import warnings
from typing import Literal, NamedTuple

import torch

from mfclip.errors import UsageError

PRECISIONS: dict[Literal["fp32", "bf16"], torch.dtype] = {
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
}
UNITS = "MFCLIP_BF16_UNITS"
"""Environment variable that overrules what a CPU says of itself: ``yes`` or ``no``. With ``no`` a
machine with bfloat16 units computes as one without."""


class Arithmetic(NamedTuple):
    """What a detector computes in, and what its figures were computed in."""

    used: torch.dtype
    """Of the forward pass."""
    recorded: str = ""
    """``fp32`` or ``bf16``: what threshold, calibration and figures were fitted with; empty where
    that is not known."""

    def __str__(self) -> str:
        """A clause for people: what is used, and whether the figures belong to it."""
        name = precision_name(self.used)
        if self.recorded in ("", name):
            return f"computed in {name}"
        return (
            f"computed in {name}; threshold and figures were made in {self.recorded}, so "
            "a score near the threshold may fall on its other side"
        )


def arithmetic_for(asked: str | None, recorded: str, device: torch.device) -> Arithmetic:
    """What to score with: the precision that the detector's figures were made in, if it can be.

    Where they were made in bfloat16 and the device has no units for it, float32 takes its place;
    :meth:`Arithmetic.__str__` says so.

    Parameters
    ----------
    asked
        ``auto``, ``fp32`` or ``bf16`` overrule what is recorded; None does not.
    recorded
        ``fp32``, ``bf16``, or empty where it is not known: then as ``auto``.

    Raises
    ------
    UsageError
        As :func:`choose_precision`.
    """
    wanted = asked or recorded or "auto"
    if asked is None and recorded == "bf16" and not has_bf16(device):
        wanted = "fp32"
    return Arithmetic(choose_precision(wanted, device), recorded)


def has_bf16(device: torch.device) -> bool:
    """Whether the device computes bfloat16 natively."""
    if device.type == "cuda":
        return _gpu_has_bf16(device)
    return cpu_has("amx_bf16") or cpu_has("avx512_bf16")


def choose_precision(setting: str, device: torch.device) -> torch.dtype:
    """The dtype that ``auto``, ``fp32`` or ``bf16`` means on this device.

    ``auto`` is bfloat16 on a CPU with AMX and on a GPU that computes it, else float32. Asking
    for bfloat16 on a CPU that only imitates it is allowed and warns.

    Raises
    ------
    UsageError
        Where the setting is another one, or the GPU has no bfloat16.
    """
    if setting == "auto":
        return torch.bfloat16 if _fast_in_bf16(device) else torch.float32
    if setting not in PRECISIONS:
        raise UsageError(f"no precision is called {setting!r}; allowed: auto, fp32, bf16")
    if setting == "bf16":
        _check_bf16(device)
    return torch.bfloat16 if setting == "bf16" else torch.float32


def precision_name(dtype: torch.dtype) -> Literal["fp32", "bf16"]:
    """``fp32`` or ``bf16``."""
    return next(name for name, known in PRECISIONS.items() if known == dtype)


def _fast_in_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return _gpu_has_bf16(device)
    return cpu_has("amx_bf16")


def _check_bf16(device: torch.device) -> None:
    if device.type == "cuda" and not _gpu_has_bf16(device):
        name = torch.cuda.get_device_name(device)
        raise UsageError(f"{name} ({device}) has no bfloat16 arithmetic; set precision to fp32")
    if device.type == "cpu" and not has_bf16(device):
        warnings.warn(
            "this CPU has no bfloat16 arithmetic and imitates it: expect bf16 to be several "
            "times slower than fp32",
            stacklevel=3,
        )


def _gpu_has_bf16(device: torch.device) -> bool:
    """Compute capability 8.0 (Ampere) brought it; earlier ones emulate it slowly."""
    return torch.cuda.get_device_capability(device) >= (8, 0)


def cpu_has(feature: str) -> bool:
    """Whether this CPU has ``amx_bf16`` or ``avx512_bf16``.

    Raises :class:`UsageError` where :data:`UNITS` is set to something else than yes or no.
    """
    overruled = os.environ.get(UNITS, "")
    if overruled:
        if overruled not in ("yes", "no"):
            raise UsageError(f"the environment variable {UNITS} is {overruled!r}; allowed: yes, no")
        return overruled == "yes"
    asked = getattr(torch.cpu, "get_capabilities", None)
    if asked is not None:
        return bool(asked().get(feature, False))
    # Before get_capabilities existed, PyTorch told only through these.
    older = {"amx_bf16": "_is_amx_tile_supported", "avx512_bf16": "_is_avx512_bf16_supported"}
    return bool(getattr(torch.cpu, older[feature], bool)())
