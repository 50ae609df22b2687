from collections.abc import Callable
from pathlib import Path

import pytest

from mfclip.data.labels import HierarchicalLabel
from mfclip.errors import DataError
from mfclip_data.folder import FolderLayout, read_folder

Tree = Callable[..., Path]
REAL, FAKE = HierarchicalLabel("real"), HierarchicalLabel("fake")


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Make empty files below a folder and give the folder."""

    def tree(*names: str) -> Path:
        for name in names:
            file = tmp_path / "data" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
        return tmp_path / "data"

    return tree


def listed(root: Path, layout: FolderLayout | None = None) -> dict[str, tuple[object, str]]:
    manifest = read_folder(root, layout or FolderLayout())
    assert manifest.root == root
    return {row.path.as_posix(): (row.label, row.split) for row in manifest.rows}


def test_two_folders(tree: Tree) -> None:
    root = tree("real/a.jpg", "real/b.PNG", "fake/c.webp")
    assert listed(root) == {
        "real/a.jpg": (REAL, ""),
        "real/b.PNG": (REAL, ""),
        "fake/c.webp": (FAKE, ""),
    }


def test_generators(tree: Tree) -> None:
    root = tree("real/a.jpg", "fake/stargan/b.jpg", "fake/ddpm/c.jpg", "fake/d.jpg")
    layout = FolderLayout(levels={"stargan": ("AM", "GAN")})
    assert listed(root, layout) == {
        "real/a.jpg": (REAL, ""),
        "fake/stargan/b.jpg": (HierarchicalLabel("fake", "AM", "GAN", "stargan"), ""),
        "fake/ddpm/c.jpg": (HierarchicalLabel("fake", "", "", "ddpm"), ""),
        "fake/d.jpg": (FAKE, ""),
    }


def test_splits_above(tree: Tree) -> None:
    root = tree("train/real/a.jpg", "train/fake/g/b.jpg", "Valid/real/c.jpg", "test/fake/g/d.jpg")
    assert {path: split for path, (_, split) in listed(root).items()} == {
        "train/real/a.jpg": "train",
        "train/fake/g/b.jpg": "train",
        "Valid/real/c.jpg": "val",
        "test/fake/g/d.jpg": "test",
    }


def test_images_lie_any_number_of_folders_deep(tree: Tree) -> None:
    root = tree("real/anna/1/a.jpg", "fake/g/anna/1/b.jpg")
    assert listed(root)["fake/g/anna/1/b.jpg"][0] == HierarchicalLabel("fake", "", "", "g")


def test_other_files_and_hidden_ones_are_left_out(tree: Tree) -> None:
    root = tree(
        "real/a.jpg",
        "fake/b.jpg",
        "real/notes.txt",
        "real/._a.jpg",
        ".cache/real/c.jpg",
        "fake/.thumbs/d.jpg",
        "masks/e.png",
        "f.jpg",
    )
    with pytest.warns(UserWarning, match="left out") as caught:
        assert set(listed(root)) == {"real/a.jpg", "fake/b.jpg"}
    assert [str(one.message) for one in caught] == [
        f"{root}: left out (no images): 2 hidden, 1 .txt",
        f"{root}: left out (in no class folder): f.jpg, masks/",
    ]


def test_names_in_any_case_and_names_of_ones_own(tree: Tree) -> None:
    root = tree("Real/a.jpg", "FAKE/g/b.jpg")
    assert len(listed(root)) == 2
    root = tree("0_real/a.jpg", "1_fake/b.jpg")
    assert set(listed(root, FolderLayout("0_real", "1_fake"))) == {"0_real/a.jpg", "1_fake/b.jpg"}


def test_another_layout_is_explained(tree: Tree) -> None:
    root = tree("originals/a.jpg", "deepfakes/b.jpg", "list.txt")
    with pytest.raises(DataError) as caught:
        read_folder(root, FolderLayout())
    assert str(caught.value).splitlines() == [
        f"{root}: no real images",
        f"{root}: no fake images",
        "  found in it: deepfakes/, list.txt, originals/",
        "  expected: real/IMAGES and fake/IMAGES or fake/GENERATOR/IMAGES, or these below train/, "
        "val/ and test/; other names: set real and fake under [data]",
    ]


def test_one_class_only(tree: Tree) -> None:
    with pytest.raises(DataError, match="no fake images"):
        read_folder(tree("real/a.jpg", "fake/readme.txt"), FolderLayout())


def test_levels_of_unknown_generators_are_errors(tree: Tree) -> None:
    root = tree("real/a.jpg", "fake/stargan/b.jpg", "fake/ddpm/c.jpg")
    layout = FolderLayout(levels={"stragan": ("AM", "GAN")})
    with pytest.raises(DataError, match=r"'stragan'.*did you mean 'stargan'.*ddpm, stargan"):
        read_folder(root, layout)


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        read_folder(tmp_path / "no", FolderLayout())
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="is a file, where a folder"):
        read_folder(tmp_path / "file", FolderLayout())


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="found in it: nothing"):
        read_folder(tmp_path, FolderLayout())
