"""Which device to compute on."""

from __future__ import annotations

import torch

from mfclip.errors import UsageError


def choose_device(name: str = "auto") -> torch.device:
    """The device called ``auto``, ``cpu``, ``cuda`` or ``cuda:n``; ``auto`` prefers a GPU.

    Raises
    ------
    UsageError
        Where the name is another one, or that GPU is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cpu":
        return torch.device("cpu")
    kind, _, number = name.partition(":")
    if kind != "cuda" or (name != "cuda" and not number.isdecimal()):
        raise UsageError(
            f"no device is called {name!r}; allowed: auto, cpu, cuda, cuda:0, cuda:1, …"
        )
    _require_gpu(name, int(number or 0))
    return torch.device(name)


def devices_for(name: str, processes: int) -> list[str]:
    """The device of each of several processes that compute apart: GPUs in turn, else the one named.

    Raises :class:`UsageError` as :func:`choose_device`.
    """
    if choose_device(name).type == "cpu" or ":" in name:
        return [name] * processes
    return [f"cuda:{number % torch.cuda.device_count()}" for number in range(processes)]


def _require_gpu(name: str, number: int) -> None:
    if not torch.cuda.is_available():
        why = "sees no GPU" if torch.version.cuda else "was installed without CUDA"
        raise UsageError(
            f"device {name!r} cannot be used: PyTorch {torch.__version__} {why}; "
            "use --device cpu, or check the driver and the PyTorch installation"
        )
    count = torch.cuda.device_count()
    if number >= count:
        have = ", ".join(f"cuda:{index}" for index in range(count))
        raise UsageError(f"device {name!r} does not exist; this machine has {have}")
