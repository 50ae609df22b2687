"""Hashes of weights: of a path once in a process, and anew where the file is another."""

from __future__ import annotations

import hashlib
import os

import pytest

from mfclip.errors import UsageError
from mfclip.weights import files
from mfclip.weights.files import hash_of


@pytest.fixture
def read(monkeypatch):
    """The files that were read to be hashed, in order."""
    found, really = [], files.sha256
    monkeypatch.setattr(files, "sha256", lambda file: found.append(file) or really(file))
    return found


def test_a_file_is_read_once(tmp_path, read, monkeypatch):
    file = tmp_path / "a.safetensors"
    file.write_bytes(b"one")
    expected = hashlib.sha256(b"one").hexdigest()
    monkeypatch.chdir(tmp_path)
    relative = file.relative_to(tmp_path)
    assert [hash_of(file), hash_of(file), hash_of(relative)] == [expected] * 3
    assert read == [file.resolve()]


@pytest.mark.parametrize("content", [b"two", b"three"])
def test_a_file_that_changed_is_read_again(tmp_path, read, content):
    file = tmp_path / "a.safetensors"
    file.write_bytes(b"one")
    before = file.stat()
    hash_of(file)
    file.write_bytes(content)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert hash_of(file) == hashlib.sha256(content).hexdigest()
    assert len(read) == 2


def test_a_file_that_is_gone_is_not_remembered(tmp_path):
    file = tmp_path / "a.safetensors"
    file.write_bytes(b"one")
    hash_of(file)
    file.unlink()
    with pytest.raises(UsageError, match="there is no file of weights"):
        hash_of(file)
