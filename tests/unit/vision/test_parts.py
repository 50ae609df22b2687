import subprocess
import sys

import pytest
from pydantic import ValidationError

from mfclip.parts import BuildContext
from mfclip_vision.parts import Cvit, MultiModalVision, SrmNoise, Vector
from mfclip_vision.plugin import mfclip_encoders


def test_the_plugin_offers_its_encoders():
    assert [part().use for part in mfclip_encoders()] == [
        "cvit",
        "srm-noise",
        "map-cnn",
        "vector",
        "mve",
        "frame-mean",
        "timm",
    ]


def test_declaring_the_parts_loads_nothing_heavy():
    heavy = "{'torch', 'numpy', 'torchvision', 'skimage', 'timm'}"
    code = f"import sys, mfclip_vision.plugin; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_defaults_fit_the_papers_image():
    for part in mfclip_encoders():
        assert list(part().misfits(BuildContext())) == []
        assert part().width == (3072 if part is Vector else 512)


@pytest.mark.parametrize("size", [32, 64, 224, 448])
def test_cvit_takes_multiples_of_32(size):
    assert not list(Cvit().misfits(BuildContext(image_size=size)))


@pytest.mark.parametrize("size", [16, 100, 225])
def test_cvit_says_which_image_sizes_it_takes(size):
    (misfit,) = Cvit().misfits(BuildContext(image_size=size))
    assert "multiple of 32" in misfit.message
    assert f"got {size}" in misfit.message


def test_a_patch_must_divide_the_image():
    (misfit,) = SrmNoise(patch_size=100).misfits(BuildContext())
    assert misfit.field == "patch_size"
    assert "8, 14, 16, 28, 32, 56, 112, 224" in misfit.message


def test_embeddings_of_different_length_cannot_be_added():
    part = MultiModalVision(noise=SrmNoise(dim=256))
    (misfit,) = part.misfits(BuildContext())
    assert misfit.field == "noise"
    assert "512 from cvit and 256 from srm-noise" in misfit.message


@pytest.mark.parametrize("part", [Cvit, SrmNoise])
def test_heads_must_share_the_width(part):
    with pytest.raises(ValidationError, match="dim must be a multiple of heads, got dim 100"):
        part(dim=100)


def test_groups_need_channels_and_convolutions():
    with pytest.raises(ValidationError, match="one entry a group each, got 2 and 5"):
        Cvit(channels=(8, 16))
    with pytest.raises(ValidationError, match="at least 1"):
        Cvit(convolutions=(3, 3, 3, 4, 0))


@pytest.mark.parametrize(
    "wrong", [{"patch_size": 4}, {"truncate": 0}, {"channels": 3}, {"filters": "srm5"}]
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValidationError):
        SrmNoise(**wrong)


def test_slots_take_any_image_encoder_and_write_it_out_whole():
    part = MultiModalVision(image=Cvit(depth=2), noise=Cvit(dim=512))
    assert part.model_dump()["image"]["depth"] == 2
    assert part.model_dump()["noise"]["use"] == "cvit"
