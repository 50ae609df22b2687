"""Systems with maps learn an easy forgery, a brighter square, and tell it on other images."""

from __future__ import annotations

import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from mfclip.detector.outputs import Targets
from mfclip.detector.protocols import PreparesEpochs, TrainingBatch
from mfclip.parts import BuildContext, Detector, Loss
from mfclip_baselines.schemas.focus import Focus, FocusSparsity, FocusStreams
from mfclip_baselines.schemas.recce import (
    FloodedCrossEntropy,
    Recce,
    RecceMetric,
    RecceReconstruction,
)
from mfclip_baselines.schemas.uia_vit import PatchConsistency, UiaVit
from mfclip_baselines.schemas.yu import Yu, YuDivergence, YuHierarchy
from mfclip_losses.parts import CrossEntropy

VIT = {"dim": 32, "depth": 2, "heads": 2}
SYSTEMS: dict[Detector, tuple[Loss, ...]] = {
    Recce(share=0.05): (
        FloodedCrossEntropy(),
        RecceReconstruction(weight=0.1),
        RecceMetric(weight=0.1),
    ),
    UiaVit(middle=1, read=(2,), samples=256, **VIT): (CrossEntropy(), PatchConsistency()),
    Focus(**VIT): (CrossEntropy(), FocusStreams(), FocusSparsity(weight=0.1)),
    Yu(model="test_efficientnet", dim=16, places=8): (
        CrossEntropy(),
        YuHierarchy(weight=0.1),
        YuDivergence(weight=1e-3),
    ),
}
CONTEXT = BuildContext(image_size=64)
STEPS, BATCH = 30, 12


def batch(seed: int, size: int = BATCH) -> tuple[Tensor, Tensor, Tensor]:
    """Images, labels and masks: every second image has a brighter square."""
    random = torch.Generator().manual_seed(seed)
    images = torch.rand(size, 3, 64, 64, generator=random) * 0.6
    label = torch.arange(size) % 2
    mask = torch.zeros(size, 1, 64, 64)
    mask[label == 1, :, 16:48, 16:48] = 1
    return images + 0.4 * mask, label, mask


@pytest.mark.parametrize("part", SYSTEMS, ids=lambda part: part.use)
def test_an_easy_forgery_is_learnt(part):
    torch.manual_seed(0)
    network = part.build(CONTEXT)
    terms = [(loss.weight, loss.build(CONTEXT)) for loss in SYSTEMS[part]]
    learning = [*network.parameters(), *(p for _, term in terms for p in term.parameters())]
    optimiser = torch.optim.Adam(learning, lr=2e-3)
    for step in range(STEPS):
        if step % 10 == 0 and isinstance(network, PreparesEpochs):
            seen, label, _ = batch(step)
            network.before_epoch(step // 10, [TrainingBatch(seen, {"label": label})])
        images, label, mask = batch(step)
        given = {"progress": step / STEPS} if "progress" in part.reads else {}
        outputs = network.train()(images, **given)
        truth = Targets(label, label * 0 - 1, {"forgery-mask": mask})
        optimiser.zero_grad()
        sum(weight * term(outputs, truth) for weight, term in terms).backward()
        optimiser.step()
    images, label, _ = batch(1000, 24)
    with torch.no_grad():
        logits = network.eval()(images).logits
    assert roc_auc_score(label, logits[:, 1] - logits[:, 0]) > 0.9
