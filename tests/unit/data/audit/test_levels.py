from collections.abc import Callable
from pathlib import Path

from mfclip.data.audit.levels import check_levels
from mfclip.data.labels import HierarchicalLabel
from mfclip.data.manifest import Manifest, Row

Codes = Callable[..., list[str]]


def manifest(*labels: HierarchicalLabel) -> Manifest:
    rows = (Row(Path(f"{number}.png"), label) for number, label in enumerate(labels))
    return Manifest(Path("root"), tuple(rows))


def test_real_images_with_a_generator(codes: Codes) -> None:
    data = manifest(HierarchicalLabel("real", generator="StyleGAN"), HierarchicalLabel("real"))
    (found,) = check_levels(data)
    assert (found.code, found.examples) == ("real-with-forgery", ("0.png",))


def test_one_name_in_two_spellings() -> None:
    names = ("StarGAN", "stargan", "Star-GAN", "StyleGAN")
    (found,) = check_levels(
        manifest(*(HierarchicalLabel("fake", generator=name) for name in names))
    )
    assert found.message == (
        "column generator has one name in 3 spellings: Star-GAN, StarGAN, stargan"
    )


def test_versions_are_other_names() -> None:
    names = ("StyleGAN2", "StyleGAN3", "")
    labels = [HierarchicalLabel("fake", "EFS", "GAN", name) for name in names]
    assert not list(check_levels(manifest(HierarchicalLabel("real"), *labels)))
