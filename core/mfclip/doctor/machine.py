"""The machine: interpreter, processor, memory, devices, disk."""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from mfclip.compute.cores import cores
from mfclip.doctor.findings import Fault, Table
from mfclip.files import cache_folder
from mfclip.version import __version__

TIMEOUT = 120.0
"""Seconds that importing torch may take."""
LITTLE = 1.0
"""GiB of free disk below which a build may not end."""
_PROBE = "from mfclip.doctor.torch_probe import main; main()"


def machine() -> tuple[Table, list[Fault]]:
    """What mfclip runs on, and what PyTorch makes of it."""
    rows = [
        ("mfclip", __version__),
        ("Python", f"{platform.python_version()} ({platform.python_implementation()})"),
        ("interpreter", sys.executable),
        ("platform", platform.platform()),
        ("processor", _processor()),
        ("cores", f"{os.cpu_count()}, usable: {cores()}"),
        ("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "not set")),
    ]
    seen, fault = ask_torch()
    rows += seen
    return Table("machine", ("what", "value"), tuple(rows)), [fault] if fault else []


def ask_torch() -> tuple[list[tuple[str, str]], Fault | None]:
    """What torch sees, asked in a process of its own, or why that failed."""
    # -P: a torch.py in the working folder is not PyTorch.
    command = [sys.executable, "-P", "-c", _PROBE]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
        answer = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else None
    except subprocess.TimeoutExpired:
        return [], _no_torch(f"importing it takes more than {TIMEOUT:.0f} s")
    except (OSError, ValueError, IndexError) as error:
        return [], _no_torch(f"{type(error).__name__}: {error}")
    if answer is None:
        return [], _no_torch(_last_words(done))
    return [(str(what), str(value)) for what, value in answer], None


def _last_words(done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode < 0:
        return f"the process was ended by {signal.Signals(-done.returncode).name}"
    lines = done.stderr.strip().splitlines()
    return lines[-1] if lines else f"exit code {done.returncode}"


def _no_torch(why: str) -> Fault:
    return Fault(
        f"torch does not work: {why}",
        "install it again for this machine (pip install --force-reinstall torch torchvision); "
        "nothing can be built or scored before",
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def cache() -> tuple[Table, list[Fault]]:
    """The folder of cached data sets, and the disk below it."""
    folder = cache_folder()
    there = next(p for p in (folder, *folder.parents) if p.exists())
    free = shutil.disk_usage(there).free / 2**30
    faults = []
    if not os.access(there, os.W_OK):
        step = "make it writable, or name another folder in MFCLIP_CACHE"
        faults.append(Fault(f"the cache folder {folder} cannot be written", step))
    if free < LITTLE:
        step = "free some, or name a folder on another disk in MFCLIP_CACHE"
        faults.append(Fault(f"the disk of {folder} has {free:.1f} GiB left", step))
    rows = (("folder", str(folder)), ("exists", str(folder.exists())), ("free GiB", round(free, 1)))
    return Table("cache", ("what", "value"), rows), faults
