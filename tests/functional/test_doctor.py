"""``mfclip doctor`` from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import torch


def run(site: Path, *words: str, program: str = "mfclip") -> subprocess.CompletedProcess[str]:
    """A command of ours in a process that finds ``site`` first."""
    command = [Path(sys.executable).with_name(program), *words]
    environment = {**os.environ, "PYTHONPATH": str(site)}
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def test_it_tells_what_torch_sees(tmp_path: Path) -> None:
    done = run(tmp_path, "doctor", "--json", "--strict")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    machine = {row["what"]: row["value"] for row in found["machine"]}
    assert machine["torch"] == torch.__version__
    assert machine["CPU capability"] == torch.backends.cpu.get_cpu_capability()
    assert machine["device cpu"].startswith("precision auto is ")
    assert found["faults"] == []


def test_it_survives_a_broken_torch_and_strict_ends_with_4(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise OSError('libcudart.so: cannot open')")
    loose = run(tmp_path, "doctor")
    assert loose.returncode == 0
    assert "torch does not work: OSError: libcudart.so: cannot open" in loose.stdout
    assert "### plugins" in loose.stdout
    strict = run(tmp_path, "doctor", "--strict")
    assert strict.returncode == 4
    assert strict.stderr.startswith("error: mfclip doctor found 1 fault")
    assert "Traceback" not in loose.stderr + strict.stderr


def test_broken_plugins_are_in_every_command_and_strict_ends_with_4(install_plugin) -> None:
    noisy = "print('hello')\nraise SystemExit('no licence')"
    site = install_plugin(noisy, distribution="acme-encoder", version="2.0")
    expected = (
        "plugin 'acme' (acme-encoder 2.0) did not load: SystemExit: no licence (acme_plugin.py:2)"
    )
    seen = json.loads(run(site, "parts", "--json").stdout)
    assert [fault["reason"] for fault in seen["broken"]] == [expected.partition(": ")[2]]
    assert seen["broken"][0]["next_step"].startswith("tell the author of acme-encoder")
    assert any(part["name"] == "cvit" for part in seen["parts"])
    plain = run(site, "parts")
    assert f"broken: {expected} (next step: tell the author" in plain.stderr
    assert "hello" not in plain.stdout
    assert run(site, "parts", "--strict").returncode == 4
    doctor = json.loads(run(site, "doctor", "--json").stdout)
    assert [fault["what"] for fault in doctor["faults"]] == [expected]


WRONG_SHAPE = """
    from typing import Literal
    from mfclip import ImageEncoder, hookimpl

    class AcmeVit(ImageEncoder):
        '''An encoder that does not give what it declares.'''
        use: Literal["acme-vit"] = "acme-vit"

        @property
        def width(self):
            return 8

        def build(self, context):
            from torch import nn
            return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())

    @hookimpl
    def mfclip_encoders():
        return [AcmeVit]
"""


def test_a_build_ends_with_4_and_names_the_part_at_fault(install_plugin, tmp_path: Path) -> None:
    site = install_plugin(WRONG_SHAPE, distribution="acme-encoder")
    recipe = tmp_path / "r.toml"
    recipe.write_text('recipe = 1\n[vision]\nuse = "acme-vit"\n')
    done = run(site, "--recipe", str(recipe), "--dry-run", program="mfclip-build")
    assert done.returncode == 4, done.stdout + done.stderr
    assert (
        "error: vision: encoder 'acme-vit' of plugin 'acme' (acme-encoder 0.1, "
        "acme_plugin.AcmeVit) returned a tensor of shape (1, 3); expected a tensor of shape (1, 8)"
    ) in done.stderr
    assert "Traceback" not in done.stderr
