from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from mfclip.data.manifest import Manifest, write_manifest
from mfclip.parts import BuildContext, Misfit
from mfclip_data.parts import FolderData, ManifestData
from mfclip_data.plugin import mfclip_datasets
from mfclip_data.readers import CelebDf, DeeperForensics, Dfdc, Ffpp, GenFace
from mfclip_sample.parts import SampleData

MakeManifest = Callable[..., Manifest]
CONTEXT = BuildContext()


def test_the_plugin_offers_all_of_them() -> None:
    own, published = mfclip_datasets()[:2], mfclip_datasets()[2:]
    assert own == [ManifestData, FolderData]
    assert published == [GenFace, Ffpp, CelebDf, Dfdc, DeeperForensics]


def test_manifest(make_manifest: MakeManifest) -> None:
    manifest = make_manifest(4)
    write_manifest(manifest, manifest.root / "manifest.csv")
    assert ManifestData(root=manifest.root).build(CONTEXT) == manifest
    write_manifest(manifest, manifest.root / "lists" / "all.parquet")
    part = ManifestData(root=manifest.root, file=Path("lists/all.parquet"))
    assert part.build(CONTEXT) == manifest


def test_folder(tmp_path: Path) -> None:
    for name in ("real/a.jpg", "fake/stargan/b.jpg"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    settings = {
        "root": tmp_path,
        "generators": {"stargan": {"forgery": "AM", "family": "GAN"}},
    }
    manifest = FolderData.model_validate(settings).build(CONTEXT)
    assert manifest.labels()[0].family == "GAN"
    assert len(manifest) == 2


def test_keys_that_no_generator_has_are_refused() -> None:
    with pytest.raises(ValidationError, match="famly"):
        FolderData.model_validate({"root": "x", "generators": {"a": {"famly": "GAN"}}})


@pytest.mark.parametrize("shares", [(0.7, 0.2, 0.2), (1.5, -0.5, 0.0)])
def test_shares_that_are_none_are_misfits(shares: tuple[float, float, float]) -> None:
    found = list(ManifestData(root=Path("x"), split=shares).misfits(CONTEXT))
    message = f"shares must not be negative and must sum to 1, got {list(shares)}"
    assert found == [Misfit("split", message)]
    assert not list(ManifestData(root=Path("x")).misfits(CONTEXT))


def test_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MFCLIP_CACHE", str(tmp_path))
    part = SampleData(images=12, size=32)
    manifest = part.build(CONTEXT)
    assert len(manifest) == 12
    assert manifest.root.parent == tmp_path
    assert part.build(CONTEXT) == manifest
