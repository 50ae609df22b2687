"""Scoring a bundle with another runtime: exported once, then kept."""

from __future__ import annotations

import numpy as np
import pytest

from mfclip.errors import UsageError
from mfclip.exporting import through


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """One for all: what is exported is kept."""
    folder = tmp_path_factory.getbasetemp() / "kept"
    monkeypatch.setenv("MFCLIP_CACHE", str(folder))
    return folder / "exported"


@pytest.mark.parametrize("runtime", ["onnx", "openvino"])
def test_scores_are_the_bundles_and_the_model_is_kept(
    runtime, bundle, loaded, pictures, cache, monkeypatch
):
    exported = through.load_through(runtime, bundle.folder, precision="fp32")
    np.testing.assert_allclose(
        exported.predictor(pictures.samples), loaded.predictor(pictures.samples), atol=2e-5
    )
    assert exported.computed.endswith(f"with runtime {runtime}")
    assert len([one for one in cache.iterdir() if runtime in one.name and one.name[0] != "."]) == 1
    monkeypatch.setattr(through, "export", None)  # would fail where it was exported again
    again = through.load_through(runtime, bundle.folder, precision="fp32")
    assert again.about == exported.about


def test_a_device_that_is_no_cpu_is_refused(bundle):
    with pytest.raises(UsageError, match="runtime onnx computes on the CPU, not on cuda"):
        through.load_through("onnx", bundle.folder, device="cuda")


def test_onnxruntime_has_no_bfloat16(bundle, monkeypatch):
    monkeypatch.setenv("MFCLIP_BF16_UNITS", "yes")
    with pytest.raises(UsageError, match="runtime onnx computes in float32"):
        through.load_through("onnx", bundle.folder, precision="bf16")
