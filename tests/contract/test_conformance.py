"""Every shipped part keeps the public contract: the checks are those for anybody's part."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel
from safetensors.torch import save_file

from mfclip.errors import UsageError
from mfclip.parts import BuildContext, Part
from mfclip.plugins.discovery import Plugins, discover
from mfclip.testing import parametrize_parts, part_checks
from mfclip_baselines.schemas.cevit import Cevit
from mfclip_baselines.schemas.coop import CoOp
from mfclip_baselines.schemas.ddvqa import (
    AnswerLikelihood,
    DdVqa,
    ImageContrastive,
    TextContrastive,
)
from mfclip_baselines.schemas.dire import Dire, DireMap
from mfclip_baselines.schemas.fatformer import FatFormer
from mfclip_baselines.schemas.focus import Focus, FocusSparsity, FocusStreams
from mfclip_baselines.schemas.freqnet import FreqNet
from mfclip_baselines.schemas.guan import Guan
from mfclip_baselines.schemas.m2tr import M2tr
from mfclip_baselines.schemas.recce import (
    FloodedCrossEntropy,
    Recce,
    RecceMetric,
    RecceReconstruction,
)
from mfclip_baselines.schemas.two_stream import TwoStream
from mfclip_baselines.schemas.uia_vit import PatchConsistency, UiaVit
from mfclip_baselines.schemas.vit import Vit
from mfclip_baselines.schemas.vlffd import CoarseAndFine, Vlffd
from mfclip_baselines.schemas.xception import Xception
from mfclip_baselines.schemas.yu import Yu, YuDivergence, YuHierarchy
from mfclip_clip.parts import ClipFeatures, ClipText, ClipVit
from mfclip_corruptions.parts import (
    Block,
    Blur,
    Contrast,
    Jpeg,
    Noise,
    Pixelation,
    Saturation,
    VideoCompression,
)
from mfclip_data.inputs import Counterpart, ForgeryMask, HasCounterpart, ImageColumn
from mfclip_data.parts import FolderData, ManifestData
from mfclip_data.readers import CelebDf, DeeperForensics, Dfdc, Ffpp, GenFace
from mfclip_faces.parts import CenterFace
from mfclip_losses.parts import CrossEntropy, Focal, LanguageKl, UniformityAlignment
from mfclip_pseudo.parts import Autoencoder, SelfBlend, Spectrum, SwapBlend, Upsample
from mfclip_sample.parts import SampleData
from mfclip_spa.plugin import CrossModal, InfoNce, Spa
from mfclip_text.parts import Fle, HierarchicalPrompts
from mfclip_vision.parts import (
    Cvit,
    Ensemble,
    FrameMean,
    MapCnn,
    MultiModalVision,
    SrmNoise,
    Timm,
    Vector,
)

from ..conftest import write_red_network

OWNER = "mfclip"
CVIT = Cvit(channels=(4, 8, 8), convolutions=(1, 1, 1), dim=16, depth=1, heads=2, mlp=16)
SRM = SrmNoise(patch_size=16, channels=4, grid=4, blocks=1, dim=16, heads=2, mlp=16)
CODER = {"channels": 4, "steps": 3, "batch_size": 2, "crop": 32}
TOWER = {"dim": 16, "tower_width": 16, "layers": 1, "heads": 2}
CLIP = {**TOWER, "patch": 16, "text_width": 16, "text_layers": 1, "text_heads": 2}


def tower_file() -> Path:
    """Weights of a tower of that shape, with 16-pixel patches, as open_clip saves them."""
    file = Path(tempfile.mkdtemp()) / "tower.safetensors"
    tower = ClipVit(patch=16, **TOWER).build(BuildContext(image_size=32)).tower
    save_file({f"visual.{name}": value for name, value in tower.state_dict().items()}, file)
    return file


def diffusion_model() -> Path:
    """The folder of one of random weights, as diffusers saves it."""
    folder = Path(tempfile.mkdtemp())
    unet = UNet2DModel(
        sample_size=16, block_out_channels=(8,), layers_per_block=1, norm_num_groups=4,
        down_block_types=("DownBlock2D",), up_block_types=("UpBlock2D",),
    )  # fmt: skip
    DDPMPipeline(unet, DDPMScheduler()).save_pretrained(folder)
    return folder


def network_file() -> Path:
    """A network with CenterFace's outputs."""
    return write_red_network(Path(tempfile.mkdtemp()) / "red.onnx")


NARROW: tuple[Part, ...] = (
    CVIT,
    SRM,
    MultiModalVision(image=CVIT, noise=SRM),
    MapCnn(widths=(4, 8), dim=16),
    FrameMean(image=CVIT),
    Ensemble(member=(CVIT, SRM), layer_norm=(True, False)),
    Vector(length=5),
    ClipFeatures(weights=tower_file(), size=32, read=(1,), patch=16, **TOWER),
    Timm(model="test_efficientnet", dim=16),
    Fle(dim=16, heads=2, layers=1, mlp=16),
    ClipVit(patch=16, **TOWER),
    ClipText(**TOWER),
    HierarchicalPrompts(),
    Spa(),
    InfoNce(),
    CrossModal(),
    CrossEntropy(),
    Focal(),
    LanguageKl(),
    UniformityAlignment(),
    Xception(),
    Vit(patch=16, dim=16, depth=1, heads=2),
    FreqNet(),
    Cevit(deep_patch=1, shallow_patch=8, deep_dim=8, shallow_dim=16, depth=1, heads=1, mlp=8),
    Guan(),
    TwoStream(),
    M2tr(depth=1),
    UiaVit(patch=16, dim=16, depth=2, heads=2, middle=1, read=(2,)),
    PatchConsistency(),
    Focus(patch=16, dim=16, depth=1, heads=2),
    FocusStreams(),
    FocusSparsity(),
    Recce(share=0.05),
    Yu(model="test_efficientnet", dim=8, places=4),
    YuHierarchy(),
    YuDivergence(),
    FloodedCrossEntropy(),
    RecceReconstruction(),
    RecceMetric(),
    CoOp(**CLIP, context=2),
    Dire(model="resnet18"),
    DireMap(pipeline=diffusion_model(), steps=2),
    Vlffd(**CLIP),
    DdVqa(dim=16, layers=1, heads=2, text_width=16, text_layers=1, text_heads=2, contrast=8),
    AnswerLikelihood(),
    ImageContrastive(),
    TextContrastive(),
    CoarseAndFine(),
    FatFormer(**{**CLIP, "layers": 3}, adapter_heads=2, adapter_width=4),
    SampleData(images=12, size=32),
    Saturation(),
    Contrast(),
    Block(),
    Noise(),
    Blur(),
    ImageColumn(),
    Counterpart(),
    HasCounterpart(),
    ForgeryMask(),
    Pixelation(),
    VideoCompression(),
    Jpeg(),
    SelfBlend(),
    SwapBlend(),
    Upsample(),
    Spectrum(),
    Autoencoder(**CODER),
    CenterFace(weights=network_file()),
)
"""Every shipped part that needs no files, made narrow: the checks are of behaviour, not of size."""
VARIANTS: tuple[Part, ...] = (
    SrmNoise(**{**SRM.model_dump(), "choose": "poorest", "filters": "srm30", "truncate": 2.0}),
    Timm(model="test_efficientnet_gn", dim=16, drop_rate=0.1, drop_path_rate=0.1),
    ClipVit(patch=16, activation="quick-gelu", **TOWER),
    ClipVit(patch=16, read=(1,), pool="both", l2=True, **TOWER),
    ClipVit(patch=16, patch_dropout=0.5, drop_path=0.2, **TOWER),
    ClipVit(patch=16, weights=tower_file(), tune="layernorm", read=(1,), project=8, **TOWER),
    ClipVit(patch=16, weights=tower_file(), tune="lora", lora_on="all", **TOWER),
    HierarchicalPrompts(levels=1),
    HierarchicalPrompts(levels=2),
    Spa(gate="softmax"),
    Spa(index="prompt"),
    LanguageKl(detach_target=True),
    CrossEntropy(smoothing=0.1),
    YuHierarchy(masks=False),
    UniformityAlignment(alpha=1, t=0.5, uniformity=0.5),
    Contrast(about="mean"),
    Jpeg(qualities=(90, 70, 50, 30, 5), subsampling="4:4:4"),
    *(Upsample(methods=(one,)) for one in ("nearest", "zeros", "bilinear", "bicubic", "lanczos")),
    Upsample(methods=("zeros",), traces=1.0),
    *(
        Autoencoder(decoders=(one,), down=8, **CODER)
        for one in ("nearest", "transposed", "shuffle")
    ),
)
"""Settings that take another way through the code."""
DECLARED = {"offerable", "documented", "frozen", "toml-round-trip", "json-schema", "misfits-told"}


LONG_COMPILED = ("cevit", "fatformer", "m2tr", "recce", "two-stream")
"""Detectors that take 20 to 40 s to compile; ``make systems`` compiles them."""


@parametrize_parts(*NARROW)
def test_contract(check):
    seldom = check.name == "compiles" and getattr(check.part, "use", "") in LONG_COMPILED
    if seldom and not os.environ.get("MFCLIP_ALL_SYSTEMS"):
        pytest.skip("takes long; make systems does it")
    check()


VARIED = [check for part in VARIANTS for check in part_checks(part) if check.name != "compiles"]


@pytest.mark.parametrize("check", VARIED, ids=lambda check: f"{check.part!r}-{check.name}"[-60:])
def test_contract_of_other_settings(check):
    check()


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    return discover()


def shipped(plugins: Plugins) -> dict[tuple[str, str], type[Part]]:
    """By kind and name; parts of two kinds may share a name."""
    own = (offer for offer in plugins.offers if offer.distribution == OWNER)
    return {(offer.kind, offer.name): offer.schema for offer in own}


def test_every_shipped_part_is_checked(plugins):
    with_files = {"manifest", "folder", *(part.use for part in published(Path()))}
    told = "add a small instance of the new part to NARROW"
    narrow = {(part.kind, part.use) for part in NARROW}
    assert narrow | {("dataset", name) for name in with_files} == set(shipped(plugins)), told


def test_schemas_with_their_defaults(plugins):
    checked = 0
    for schema in shipped(plugins).values():
        try:
            checks = part_checks(schema)
        except UsageError:  # data sets that are given a folder; they are checked below
            continue
        for check in checks:
            if check.name in DECLARED:
                check()
                checked += 1
    assert checked == len(NARROW) * len(DECLARED), "NARROW lacks a part, or has one too many"


@pytest.mark.parametrize("schema", [MultiModalVision, ClipVit])  # the first holds the others
def test_image_encoders_of_full_size(schema):
    checks = part_checks(schema, context=BuildContext())
    (check,) = (check for check in checks if check.name == "output-shape")
    check()


def published(root: Path) -> tuple[Part, ...]:
    """The readers of published data sets, each given its folder below ``root``."""
    return (
        GenFace(root=root / "GenFace"),
        Ffpp(root=root / "FF++", methods=("Deepfakes",)),
        CelebDf(root=root / "Celeb-DF"),
        Dfdc(root=root / "DFDC"),
        DeeperForensics(root=root / "DF-1.0", targets=root / "FF++"),
    )


PUBLISHED = (
    *("GenFace/real/a.png", "GenFace/EFS/DDPM/a.png"),
    *("FF++/original_sequences/youtube/c23/frames/000/0.png",),
    *("FF++/manipulated_sequences/Deepfakes/c23/frames/000_003/0.png",),
    *("Celeb-DF/Celeb-real/frames/id0_0000/0.png", "Celeb-DF/YouTube-real/frames/00170/0.png"),
    *("Celeb-DF/Celeb-synthesis/frames/id0_id1_0000/0.png",),
    *("DFDC/dfdc_train_part_0/frames/a/0.png", "DFDC/dfdc_train_part_0/frames/b/0.png"),
    *("DF-1.0/manipulated_videos/end_to_end/frames/000_M101/0.png",),
)
LISTS = {
    "Celeb-DF/List_of_testing_videos.txt": "1 Celeb-real/id0_0000.mp4\n",
    "DFDC/dfdc_train_part_0/metadata.json": '{"a.mp4": {"label": "REAL"},'
    ' "b.mp4": {"label": "FAKE", "original": "a.mp4"}}',
    "DF-1.0/lists/splits/train.txt": "000_M101.mp4\n",
    "DF-1.0/lists/splits/val.txt": "",
    "DF-1.0/lists/splits/test.txt": "",
}


@pytest.mark.filterwarnings("ignore:.*the split is drawn")
@pytest.mark.parametrize("number", range(5))
def test_published_data_sets(number, tmp_path):
    for name in (*PUBLISHED, *LISTS):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(LISTS.get(name, "not decoded"), encoding="utf-8")
    for check in part_checks(published(tmp_path)[number]):
        check()


@pytest.mark.parametrize("kind", [FolderData, ManifestData])
def test_data_sets_with_files(kind, tmp_path):
    for label in ("real", "fake"):
        (tmp_path / label).mkdir()
        (tmp_path / label / "a.png").write_bytes(b"not decoded")
    table = "path,label\nreal/a.png,real\nfake/a.png,fake\n"
    Path(tmp_path, "manifest.csv").write_text(table, encoding="utf-8")
    for check in part_checks(kind(root=tmp_path)):
        check()
