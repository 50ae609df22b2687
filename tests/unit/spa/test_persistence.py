import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from mfclip_spa import PairGate, SamplePairAttention, load_gate, save_gate
from mfclip_spa.adapters.attached import AttachedGate
from mfclip_spa.persistence import read_gate

GATES = [
    lambda: PairGate(4, gate="softmax"),
    lambda: PairGate(features=6, rank=2, per_direction=True),
    lambda: SamplePairAttention(classes=3, temperature=0.2),
    lambda: AttachedGate(prompts=torch.tensor([[1, 2], [3, 4]])),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What ``save_pretrained`` of a model with a gate leaves behind, but for the model."""
    gate = AttachedGate(4, gate="softmax")
    weights = {f"spa.{name}": value for name, value in gate.state_dict().items()}
    save_file(weights | {"logit_scale": torch.ones(())}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"mfclip_spa": gate.settings}))
    return tmp_path


@pytest.mark.parametrize("make", GATES)
def test_round_trip(make, tmp_path):
    gate = make()
    for parameter in gate.parameters():
        torch.nn.init.normal_(parameter)
    save_gate(gate, tmp_path / "gate.safetensors")
    back = load_gate(tmp_path / "gate.safetensors")
    assert type(back) is type(gate)
    assert back.settings == gate.settings
    torch.testing.assert_close(back.state_dict(), gate.state_dict(), rtol=0, atol=0)
    assert all(p.requires_grad for p in back.parameters())
    assert [file.name for file in tmp_path.iterdir()] == ["gate.safetensors"]


def test_replaces_an_older_file(tmp_path):
    file = tmp_path / "gate.safetensors"
    save_gate(PairGate(4), file)
    save_gate(PairGate(6), str(file))
    assert load_gate(file).settings["max_batch"] == 6


def test_reads_a_folder_of_save_pretrained(folder):
    gate = read_gate(folder, AttachedGate)
    assert gate.gate == "softmax"
    assert gate.pairs.weight.shape == (4, 4)


def test_a_folder_without_a_gate_is_named(folder):
    (folder / "config.json").write_text("{}")
    with pytest.raises(ValueError, match=r"config.json does not name it"):
        read_gate(folder, AttachedGate)


def test_a_folder_without_the_weights_is_named(folder):
    save_file({"logit_scale": torch.ones(())}, folder / "model.safetensors")
    with pytest.raises(ValueError, match="no weights of it"):
        read_gate(folder, AttachedGate)


def test_missing_file():
    with pytest.raises(FileNotFoundError):
        load_gate("nowhere.safetensors")


@pytest.mark.parametrize("keep", [0, 5, -3])
def test_a_file_cut_short_is_named(keep, tmp_path):
    file = tmp_path / "gate.safetensors"
    save_gate(PairGate(4), file)
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"gate.safetensors is no safetensors file"):
        load_gate(file)


def test_a_shard_cut_short_is_named(folder):
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(ValueError, match=r"model.safetensors is no safetensors file"):
        read_gate(folder, AttachedGate)


def test_pickles_are_not_read(tmp_path):
    torch.save(PairGate(4).state_dict(), tmp_path / "gate.pt")
    with pytest.raises(ValueError, match=r"gate.pt is no safetensors file"):
        load_gate(tmp_path / "gate.pt")


def test_safetensors_of_something_else_are_named(tmp_path):
    save_file({"weight": torch.ones(2)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match=r"holds no sample pair attention; save_gate writes one"):
        load_gate(tmp_path / "other.safetensors")


@pytest.mark.parametrize(
    "header",
    [
        {"class": "PairGate", "max_batch": 5},
        {"class": "PairGate", "max_batch": 10**6},  # would need 4 TB if it were believed
        {"class": "PairGate", "max_batch": 4, "per_direction": True},
        {"class": "PairGate", "classes": 4, "colour": "red"},
        {"class": "PairGate"},
        {"class": "Elsewhere", "max_batch": 4},
        ["PairGate"],
    ],
)
def test_headers_that_do_not_fit_the_weights_are_refused(header, tmp_path):
    file = tmp_path / "gate.safetensors"
    save_file({"pairs.weight": torch.ones(4, 4)}, file, {"mfclip_spa": json.dumps(header)})
    with pytest.raises(ValueError, match=r"gate.safetensors"):
        load_gate(file)


def test_header_that_is_no_json_is_refused(tmp_path):
    file = tmp_path / "gate.safetensors"
    save_file({"pairs.weight": torch.ones(4, 4)}, file, {"mfclip_spa": "{"})
    with pytest.raises(ValueError, match=r"gate.safetensors"):
        load_gate(file)


def test_a_whole_attention_cannot_be_attached(tmp_path):
    save_gate(SamplePairAttention(4), tmp_path / "gate.safetensors")
    with pytest.raises(ValueError, match=r"holds a SamplePairAttention.*wanted was AttachedGate"):
        read_gate(tmp_path / "gate.safetensors", AttachedGate)
