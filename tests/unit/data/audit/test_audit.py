import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mfclip.data.audit import audit
from mfclip.data.labels import HierarchicalLabel
from mfclip.data.manifest import Manifest, Row

MakeManifest = Callable[..., Manifest]
Codes = Callable[..., list[str]]


def good(make_manifest: MakeManifest) -> Manifest:
    parts = [
        make_manifest(12, split, start)
        for split, start in (("train", 0), ("val", 12), ("test", 24))
    ]
    rows = tuple(
        replace(row, identity=row.path.stem) for manifest in parts for row in manifest.rows
    )
    return Manifest(parts[0].root, rows)


def test_good_data_get_notes_only(make_manifest: MakeManifest, codes: Codes) -> None:
    checked = audit(good(make_manifest))
    assert codes(checked.findings) == ["note counts", "note nuisance-auc"]
    assert checked.errors == checked.warnings == ()


def test_everything_wrong_is_found_at_once(make_manifest: MakeManifest, codes: Codes) -> None:
    manifest = good(make_manifest)
    files, rows = manifest.files(), list(manifest.rows)
    files[0].unlink()
    files[2].write_bytes(b"")
    files[4].write_bytes(files[4].read_bytes()[:40])
    files[6].write_text("text")
    shutil.copy(files[8], files[9])  # real and fake
    shutil.copy(files[10], files[12])  # train and val
    shutil.copy(files[13], files[15])  # twice in val
    rows[1] = replace(rows[1], identity=rows[14].identity)
    rows[16] = replace(rows[16], label=HierarchicalLabel("real", generator="Swapper"))
    rows[18] = replace(rows[18], split="")
    checked = audit(Manifest(manifest.root, tuple(rows)))
    assert sorted(codes(checked.findings)) == [
        "error duplicate-in-two-labels",
        "error duplicate-in-two-splits",
        "error file-empty",
        "error file-missing",
        "error file-not-an-image",
        "error file-truncated",
        "error identity-in-two-splits",
        "note counts",
        "note nuisance-auc",
        "warning duplicate",
        "warning no-split",
        "warning real-with-forgery",
        "warning spelling",
    ]
    severities = [finding.severity for finding in checked.findings]
    assert severities == sorted(severities, key=("error", "warning", "note").index)
    assert all(finding.advice for finding in (*checked.errors, *checked.warnings))


def test_as_dict_is_json(make_manifest: MakeManifest) -> None:
    manifest = good(make_manifest)
    manifest.files()[0].unlink()
    told = json.loads(json.dumps(audit(manifest).as_dict()))
    assert told["errors"] == 1
    assert told["findings"][0] == {
        "severity": "error",
        "code": "file-missing",
        "message": "1 file of 36: missing: 000.png",
        "advice": "check root and the paths of the manifest, or remove these rows",
        "examples": ["000.png"],
        "fatal": True,
    }


def test_progress_rises_to_its_total(make_manifest: MakeManifest) -> None:
    steps: list[tuple[int, int]] = []
    audit(good(make_manifest), progress=lambda done, total: steps.append((done, total)))
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    assert {total for _, total in steps} == {72}
    assert steps[-1] == (72, 72)


def test_only_the_splits_asked_for_must_be_there(make_manifest: MakeManifest, codes: Codes) -> None:
    tests = good(make_manifest).of_split("test")
    assert "error empty-split" in codes(audit(tests).findings)
    assert audit(tests, splits=("test",)).errors == ()


def test_no_rows(tmp_path: Path, codes: Codes) -> None:
    assert codes(audit(Manifest(tmp_path, ())).errors) == ["error empty-split"]


def test_a_folder_given_as_image(tmp_path: Path, codes: Codes) -> None:
    rows = (Row(Path(), HierarchicalLabel("real")),)
    assert "error file-unreadable" in codes(audit(Manifest(tmp_path, rows)).errors)


def test_of_many_files_some_are_read_and_all_rows_checked(
    make_manifest: MakeManifest, codes: Codes
) -> None:
    manifest = good(make_manifest)
    for file in manifest.files():
        file.write_bytes(b"")
    rows = (*manifest.rows[:-1], replace(manifest.rows[-1], identity=manifest.rows[0].identity))
    manifest = replace(manifest, rows=rows)
    steps: list[tuple[int, int]] = []
    checked = audit(
        manifest, sample=5, seed=3, progress=lambda done, total: steps.append((done, total))
    )
    (told,) = [one.message for one in checked.findings if one.code == "sampled"]
    assert told.startswith("5 of 36 files were read, drawn with seed 3: ")
    (empty,) = [one for one in checked.errors if one.code == "file-empty"]
    assert empty.message.startswith("5 files of 5: empty")
    assert "error identity-in-two-splits" in codes(checked.findings)
    assert steps[-1] == (10, 10)
    again = audit(manifest, sample=5, seed=3)
    assert again == checked
    others = [one.examples for one in audit(manifest, sample=5, seed=4).errors]
    assert empty.examples not in others


def test_a_sample_of_all_files_is_no_sample(make_manifest: MakeManifest) -> None:
    manifest = good(make_manifest)
    assert audit(manifest, sample=len(manifest)) == audit(manifest)
