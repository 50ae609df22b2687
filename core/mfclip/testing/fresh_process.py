"""What importing a module loads, seen in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache

from mfclip.testing.faults import Fault

HEAVY = (
    "torch",
    "torchvision",
    "numpy",
    "scipy",
    "sklearn",
    "skimage",
    "pandas",
    "matplotlib",
    "cv2",
    "transformers",
    "open_clip",
    "timm",
    "diffusers",
    "jax",
    "tensorflow",
    "onnxruntime",
)
"""Packages that take long to import."""
_CODE = """
import importlib, importlib.util, json, sys
name, file, heavy = json.loads(sys.argv[1])
try:
    known = importlib.util.find_spec(name)
except ImportError:
    known = None
if known or not file:
    importlib.import_module(name)
else:  # such as a test's own module, which is on no path
    spec = importlib.util.spec_from_file_location(name, file)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
print(json.dumps([package for package in heavy if package in sys.modules]))
"""


@cache
def heavy_imports(module: str, file: str | None) -> tuple[str, ...]:
    """The heavy packages that are loaded once ``module`` is imported; asked once a module.

    Raises
    ------
    Fault
        Where the module cannot be imported in a new process.
    """
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)  # noqa: PTH109
    done = subprocess.run(
        [sys.executable, "-c", _CODE, json.dumps([module, file, HEAVY])],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2]
        raise Fault(
            f"{module} cannot be imported in a fresh process",
            received=last,
            expected="a module that imports by itself",
            advice="declare the part in a module of your package",
        )
    # The module may have printed lines of its own before.
    return tuple(json.loads(done.stdout.splitlines()[-1]))
