"""What importing the library costs, seen from a fresh process."""

import json
import subprocess
import sys

import pytest

import mfclip_spa

LIBRARY = (
    "import mfclip_spa; mfclip_spa.SamplePairAttention(max_batch=2); mfclip_spa.contrastive_loss"
)
OTHERS = ("mfclip", "pydantic", "pluggy", "transformers", "open_clip", "torchvision", "jaxtyping")


def loaded_by(code: str) -> set[str]:
    """Top-level modules that a fresh process holds after running the code."""
    report = "import sys, json; print(json.dumps([n.partition('.')[0] for n in sys.modules]))"
    command = [sys.executable, "-c", f"{code}\n{report}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_library_needs_torch_and_nothing_of_the_framework():
    loaded = loaded_by(LIBRARY)
    assert "torch" in loaded
    assert loaded.isdisjoint(OTHERS), loaded.intersection(OTHERS)


def test_declaring_the_parts_does_not_load_torch():
    loaded = loaded_by("import mfclip_spa.plugin")
    assert "mfclip_spa" in loaded
    assert "torch" not in loaded


def test_public_names_all_exist():
    assert dir(mfclip_spa) == sorted(mfclip_spa.__all__)
    for name in mfclip_spa.__all__:
        assert getattr(mfclip_spa, name).__name__ == name


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="no attribute 'attach_all'"):
        _ = mfclip_spa.attach_all
