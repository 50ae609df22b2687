"""Which arithmetic the forward pass uses: float32, or bfloat16 where the device is made for it."""

from __future__ import annotations

import warnings

import torch

from mfclip.errors import UsageError

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}


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
    return PRECISIONS[setting]


def precision_name(dtype: torch.dtype) -> str:
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
    if device.type == "cpu" and not (cpu_has("amx_bf16") or cpu_has("avx512_bf16")):
        warnings.warn(
            "this CPU has no bfloat16 arithmetic and imitates it: expect bf16 to be several "
            "times slower than fp32",
            stacklevel=3,
        )


def _gpu_has_bf16(device: torch.device) -> bool:
    """Compute capability 8.0 (Ampere) brought it; earlier ones emulate it slowly."""
    return torch.cuda.get_device_capability(device) >= (8, 0)


def cpu_has(feature: str) -> bool:
    """Whether this CPU has ``amx_bf16`` or ``avx512_bf16``."""
    asked = getattr(torch.cpu, "get_capabilities", None)
    if asked is not None:
        return bool(asked().get(feature, False))
    # Before get_capabilities existed, PyTorch told only through these.
    older = {"amx_bf16": "_is_amx_tile_supported", "avx512_bf16": "_is_avx512_bf16_supported"}
    return bool(getattr(torch.cpu, older[feature], bool)())
