"""What PyTorch sees of this machine. Run in a process of its own: a broken one can crash."""

from __future__ import annotations

import json


def probe() -> list[tuple[str, str]]:
    """(what, value) pairs. Imports torch."""
    import torch

    from mfclip.compute.precision import choose_precision, cpu_has, precision_name

    def precision(name: str) -> str:
        return precision_name(choose_precision("auto", torch.device(name)))

    bf16 = [feature for feature in ("amx_bf16", "avx512_bf16") if cpu_has(feature)]
    rows = [
        ("torch", torch.__version__),
        ("CUDA of torch", torch.version.cuda or "none: a build for CPUs"),
        ("threads in one operation", str(torch.get_num_threads())),
        ("operations at a time", str(torch.get_num_interop_threads())),
        ("CPU capability", torch.backends.cpu.get_cpu_capability()),
        ("CPU bfloat16 units", ", ".join(bf16) or "none: bfloat16 would be imitated"),
        ("device cpu", f"precision auto is {precision('cpu')}"),
    ]
    for index in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(index)
        name = f"cuda:{index}"
        memory = f"{about.total_memory / 2**30:.0f} GiB"
        arch = f"compute capability {about.major}.{about.minor}"
        rows.append(
            (f"device {name}", f"{about.name}, {memory}, {arch}, auto is {precision(name)}")
        )
    return rows


def main() -> None:
    """Print the pairs as JSON."""
    print(json.dumps(probe()))
