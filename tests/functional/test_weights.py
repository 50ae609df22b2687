"""mfclip weights from outside."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import save_file


def test_weights_are_added_shown_listed_and_verified(command, tmp_path, monkeypatch):
    monkeypatch.setenv("MFCLIP_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "mine.safetensors"
    save_file({"a": np.ones((2, 3), np.float32)}, file)
    none = command("mfclip", "weights", "verify", cwd=tmp_path)
    assert none.stdout == "no weights are here\n"
    added = command("mfclip", "weights", "convert", file, "--as", "mine", cwd=tmp_path)
    assert "values:   6\n" in added.stdout
    assert command("mfclip", "weights", "show", "mine", cwd=tmp_path).stdout == added.stdout
    listed = command("mfclip", "weights", "list", cwd=tmp_path).stdout
    assert "clip-vit-b16  no " in listed
    assert "mine          yes   the local file mine.safetensors" in listed
    told = json.loads(command("mfclip", "weights", "list", "--json", cwd=tmp_path).stdout)
    assert set(told["known"]) == {"clip-vit-b16", "centerface"}
    assert told["here"]["mine"]["values"] == 6
    assert command("mfclip", "weights", "verify", cwd=tmp_path).stdout == "mine: as recorded\n"
    stored = tmp_path / "cache/weights/mine.safetensors"
    stored.write_bytes(stored.read_bytes()[:-1] + b"!")
    wrong = command("mfclip", "weights", "verify", "mine", cwd=tmp_path, code=5)
    assert "its record says" in wrong.stderr


@pytest.mark.parametrize("assembly", ["clip-tuned", "mfclip-clip", "mfclip-clip-small"])
def test_a_recipe_that_names_absent_weights_says_which_command_gets_them(
    command, tmp_path, monkeypatch, assembly
):
    monkeypatch.setenv("MFCLIP_CACHE", str(tmp_path / "cache"))
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(f'recipe = 1\nassembly = "{assembly}"\n')
    done = command("mfclip-build", "--recipe", recipe, "--dry-run", cwd=tmp_path, code=3)
    assert "mfclip weights get clip-vit-b16" in done.stderr
