from pathlib import Path

import pytest
from pydantic import ValidationError

from mfclip.data.labels import HierarchicalLabel
from mfclip_data.readers import GenFace

FILES = (
    *("real/train/00001.jpg", "real/test/00002.jpg"),
    *("EFS/Diffusion/DDPM/train/1.png", "EFS/Diffusion/LatDiff/val/1.png"),
    *("AM/GAN/lat_trans/test/00003_1.png", "FS/DiffFace/test/00004_1.png"),
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_labels_of_all_four_levels(root: Path, read) -> None:
    manifest, told = read(GenFace(root=root))
    assert not told
    assert manifest.labels() == (
        HierarchicalLabel("fake", "AM", "GAN", "LatTrans"),
        HierarchicalLabel("fake", "EFS", "diffusion", "DDPM"),
        HierarchicalLabel("fake", "EFS", "diffusion", "LatDiff"),
        HierarchicalLabel("fake", "FS", "diffusion", "DiffFace"),
        HierarchicalLabel("real"),
    )
    splits = {row.path.as_posix(): row.split for row in manifest}
    assert splits["real/test/00002.jpg"] == "test"
    assert splits["EFS/Diffusion/LatDiff/val/1.png"] == "val"
    assert {(row.group, row.identity, row.video) for row in manifest} == {("genface", "", "")}


def test_another_layout_by_settings(root: Path, read) -> None:
    (root / "real").rename(root / "CelebA-HQ")
    (root / "EFS/Diffusion/DDPM").rename(root / "EFS/Diffusion/d")
    (root / "EFS/GAN/StyleX").mkdir(parents=True)
    (root / "EFS/GAN/StyleX/1.png").touch()
    settings = {
        "root": root,
        "real": ["celeba_hq"],
        "generators": {
            "DDPM": {"folders": ["d"]},
            "StyleX": {"forgery": "EFS", "family": "GAN"},
        },
        "identity": r"/(\d{5})",
    }
    manifest, _ = read(GenFace.model_validate(settings))
    labels = {row.path.parts[-2]: row.label for row in manifest}
    assert labels["StyleX"] == HierarchicalLabel("fake", "EFS", "GAN", "StyleX")
    assert HierarchicalLabel("fake", "EFS", "diffusion", "DDPM") in manifest.labels()
    identities = {row.path.name: row.identity for row in manifest}
    assert identities == {
        "00001.jpg": "00001",
        "00002.jpg": "00002",
        "1.png": "",
        "00003_1.png": "00003",
        "00004_1.png": "00004",
    }


def test_folders_of_no_known_generator(root: Path, refusal, read) -> None:
    (root / "AM/GAN/IAFaces2").mkdir()
    (root / "AM/GAN/IAFaces2/1.png").touch()
    assert "AM/GAN/IAFaces2/: 1 images of no known generator" in refusal(GenFace(root=root))
    assert len(read(GenFace(root=root, incomplete="warn"))[0]) == len(FILES)
    assert not read(GenFace(root=root, ignore=("iafaces2",)))[1]


def test_folders_that_contradict_each_other(root: Path, refusal) -> None:
    (root / "real/DDPM").mkdir()
    (root / "real/DDPM/1.png").touch()
    assert "real/DDPM/: several folders of it give a label" in refusal(GenFace(root=root))


def test_no_reals_and_no_root(root: Path, refusal) -> None:
    text = refusal(GenFace(root=root, real=("originals",), ignore=("real",)))
    assert "no real images" in text
    assert "originals" in text
    assert "there is no such folder" in refusal(GenFace(root=root / "x"))


@pytest.mark.parametrize("expression", ["(", r"\d+"])
def test_expressions_without_a_group_are_refused(expression: str) -> None:
    with pytest.raises(ValidationError, match="identity"):
        GenFace(root=Path("x"), identity=expression)
