"""A store of its own for every test, and a small file of weights."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import save_file


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MFCLIP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def weights(tmp_path):
    file = tmp_path / "mine.safetensors"
    save_file({"a.weight": np.ones((3, 4), np.float32), "a.bias": np.zeros(3, np.float32)}, file)
    return file
