"""Weights kept by name, with their record."""

from __future__ import annotations

import json

import pytest
from pydantic import BaseModel, ValidationError

from mfclip.errors import DataError, UsageError
from mfclip.files import sha256
from mfclip.parts import BuildContext
from mfclip.weights import store
from mfclip.weights.files import WeightFile, absent, located
from mfclip.weights.getting import convert
from mfclip.weights.names import WeightName


def test_what_is_kept_is_found_with_its_record(weights, cache):
    record = convert(weights, "my-clip")
    assert store.names() == ["my-clip"]
    assert store.file_of("my-clip") == cache / "weights" / "my-clip.safetensors"
    assert record == store.record_of("my-clip")
    assert (record.tensors, record.values) == (2, 15)
    assert record.sha256 == sha256(weights)
    assert record.source == "the local file mine.safetensors"
    assert list(store.wrong("my-clip")) == []


def test_a_file_that_was_changed_is_noticed(weights):
    convert(weights, "my-clip")
    file = store.file_of("my-clip")
    file.write_bytes(file.read_bytes()[:-1] + b"\x01")
    (fault,) = store.wrong("my-clip")
    assert str(file) in fault
    assert "its record says" in fault


@pytest.mark.parametrize("name", ["My-Clip", "a/b", "..", "a.b", "-a", ""])
def test_a_name_is_no_path(weights, name):
    with pytest.raises(UsageError, match="weights cannot be called"):
        convert(weights, name)
    assert store.names() == []


def test_what_is_not_here_says_how_to_get_it(weights):
    with pytest.raises(UsageError, match="get them with: mfclip weights get clip-vit-b16"):
        store.record_of("clip-vit-b16")
    convert(weights, "my-clip")
    with pytest.raises(UsageError, match="did you mean 'my-clip'"):
        located(WeightName("my-clipp"))


def test_a_damaged_record_is_told(weights):
    convert(weights, "my-clip")
    (store.folder() / "my-clip.json").write_text(json.dumps({"name": "my-clip"}))
    with pytest.raises(DataError, match="is damaged; get the weights again"):
        store.record_of("my-clip")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [("a.bin", b"x", "can run code"), ("a.safetensors", b"no tensors", "is no safetensors file")],
)
def test_only_safetensors_are_kept(tmp_path, name, content, said):
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises((UsageError, DataError), match=said):
        convert(file, "mine")
    assert store.names() == []


class Holder(BaseModel):
    weights: WeightFile | None = None


@pytest.mark.parametrize("name", ["clip-vit-b16", "a", "siglip2"])
def test_a_field_takes_a_name(name):
    found = Holder(weights=name)
    assert isinstance(found.weights, WeightName)
    assert Holder.model_validate_json(found.model_dump_json()) == found


def test_a_field_takes_a_file(tmp_path):
    file = tmp_path / "x.safetensors"
    assert Holder(weights=str(file)).weights == file
    with pytest.raises(ValidationError, match="can run code"):
        Holder(weights="x/model.bin")


def test_absent_weights_are_told_before_anything_is_built(weights, tmp_path):
    def told(value, **context):
        return [one.message for one in absent(value, BuildContext(**context))]

    assert "mfclip weights get clip-vit-b16" in told(WeightName("clip-vit-b16"))[0]
    assert told(WeightName("clip-vit-b16"), pretrained=False) == []
    assert "there is no file" in told(tmp_path / "no.safetensors")[0]
    convert(weights, "here")
    assert told(WeightName("here")) == told(weights) == told(None) == []
