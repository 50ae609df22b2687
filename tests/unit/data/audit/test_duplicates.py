import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mfclip.data.audit import duplicates
from mfclip.data.audit.duplicates import check_duplicates
from mfclip.data.audit.findings import Finding
from mfclip.data.audit.probing import probe
from mfclip.data.manifest import Manifest

MakeManifest = Callable[..., Manifest]


def check(manifest: Manifest) -> list[Finding]:
    probes = [probe(file) for file in manifest.files()]
    return list(check_duplicates(manifest, probes, lambda done: None))


def with_splits(manifest: Manifest, *splits: str) -> Manifest:
    rows = [replace(row, split=split) for row, split in zip(manifest.rows, splits, strict=True)]
    return Manifest(manifest.root, tuple(rows))


@pytest.mark.parametrize(
    ("original", "copy", "expected"),
    [
        (0, 1, ["duplicate-in-two-labels"]),
        (0, 4, ["duplicate-in-two-splits"]),
        (0, 2, ["duplicate"]),
        (1, 4, ["duplicate-in-two-labels"]),
    ],
)
def test_kinds(make_manifest: MakeManifest, original: int, copy: int, expected: list[str]) -> None:
    manifest = with_splits(make_manifest(6), *["train"] * 4, "test", "test")
    files = manifest.files()
    shutil.copy(files[original], files[copy])
    found = check(manifest)
    assert [finding.code for finding in found] == expected
    assert found[0].examples == (f"00{original}.png = 00{copy}.png",)


def test_same_length_is_not_same_content(make_manifest: MakeManifest) -> None:
    manifest = make_manifest(4)
    files = manifest.files()
    shutil.copy(files[0], files[2])
    content = bytearray(files[2].read_bytes())
    content[-1] ^= 1  # behind the end of the picture
    files[2].write_bytes(content)
    assert check(manifest) == []


def test_only_files_of_one_length_are_read(
    make_manifest: MakeManifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = make_manifest(6)
    for number, file in enumerate(manifest.files()):
        file.write_bytes(file.read_bytes() + b"x" * (1000 * number))
    shutil.copy(manifest.files()[0], manifest.files()[3])
    read: list[Path] = []
    digest = duplicates._digest
    monkeypatch.setattr(duplicates, "_digest", lambda path: read.append(path) or digest(path))
    check(manifest)
    assert sorted(read) == [manifest.files()[0], manifest.files()[3]]


def test_missing_and_vanishing_files_are_no_duplicates(make_manifest: MakeManifest) -> None:
    manifest = make_manifest(4)
    for file in manifest.files()[:2]:
        file.unlink()
    probes = [probe(file) for file in manifest.files()]
    probes[3] = probes[2]
    manifest.files()[2].unlink()
    assert not list(check_duplicates(manifest, probes, lambda done: None))


def test_three_copies_are_one_finding(make_manifest: MakeManifest) -> None:
    manifest = make_manifest(5)
    for copy in (2, 4):
        shutil.copy(manifest.files()[0], manifest.files()[copy])
    (found,) = check(manifest)
    assert found.message.startswith("1 file there twice or more, within one split and label")
    assert found.examples == ("000.png = 002.png = 004.png",)
