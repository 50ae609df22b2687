"""Which training of the probe carries over to a generator left out, on kept features.

As kept_features.py, with the training that the recipe has in place of a logistic regression: the
part `vector` on the recipe's features, a linear head, its optimiser. Each generator of the training
and validation rows is left out in turn, and judged against the reals of all groups, on a third of
the identities that training does not see: on the images as they are, and on their changed versions.
The test split is left alone.

    python benchmarks/probe_settings.py --recipe recipes/faces-clip.toml \
        --set data.root=FACES --set data.file=faces.csv
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from kept_features import PSEUDO, Table, as_they_are, asked, held, joined, seen
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.nn import functional

from mfclip.building.reading import read_data
from mfclip.detector.protocols import TrainingBatch
from mfclip_vision.vector import VectorEncoder

NOTHING = torch.zeros(1, 3, 1, 1)
BATCH = 32


@dataclass(frozen=True)
class Setting:
    """One row of the table."""

    optimiser: str
    rate: float
    decay: float
    whitened: int
    pseudo: float

    def make(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        if self.optimiser == "adamw":
            return torch.optim.AdamW(parameters, self.rate, weight_decay=self.decay)
        return torch.optim.SGD(parameters, self.rate, momentum=0.9, weight_decay=self.decay)


SETTINGS = (
    Setting("adamw", 1e-3, 3.0, 0, 0.05),
    Setting("sgd", 3e-4, 10.0, 0, 0.05),
    Setting("sgd", 3e-4, 5.0, 256, 0.05),
    Setting("sgd", 3e-4, 10.0, 256, 0.05),
    Setting("sgd", 3e-4, 20.0, 256, 0.05),
)


def main() -> None:
    recipe, epochs = asked(__doc__)
    manifest = read_data(recipe)
    shown = seen(recipe, manifest.of_split("train"), epochs)
    plain, other = (as_they_are(recipe, manifest.of_split(split)) for split in ("train", "val"))
    apart = np.array([held(row) for row in shown.rows])
    there = {vector.tobytes() for vector in plain.vectors}
    changed = np.array([vector.tobytes() not in there for vector in shown.vectors]) & ~shown.pseudo
    kept = np.array([held(row) for row in plain.rows])
    judged = joined(plain.only(kept), other), shown.only(apart & changed)
    print(f"{int((~apart).sum())} vectors to train on, {len(judged[0].rows)} images to judge by,")
    print(f"{len(judged[1].rows)} changed versions")
    tell(shown.only(~apart), plain.only(~kept), judged, epochs)


def tell(shown: Table, plain: Table, judged: tuple[Table, Table], epochs: int) -> None:
    """A row for each setting: of each generator left out, then means."""
    generators = sorted(set(judged[0].kind) - {"real"})
    print("| optimiser | rate | decay | whitened | pseudo-fakes |", " | ".join(generators), end=" ")
    print("| mean | mean, changed | trained on |")
    print("|:--|--:|--:|--:|--:|" + "--:|" * (len(generators) + 3))
    for one in SETTINGS:
        found = np.array([left_out(one, shown, plain, judged, g, epochs) for g in generators])
        figures = [*found[:, 0], *found.mean(0)]
        cells = " | ".join(f"{100 * auc:.1f}" for auc in figures)
        named = f"| {one.optimiser} | {one.rate:g} | {one.decay:g} | {one.whitened} | {one.pseudo} "
        print(f"{named}| {cells} |", flush=True)


def left_out(
    setting: Setting,
    shown: Table,
    plain: Table,
    judged: tuple[Table, Table],
    generator: str,
    epochs: int,
) -> list[float]:
    """AUC against all reals, without training on it: of it, of it changed, and of the others."""
    shown, plain = (one.only(one.kind != generator) for one in (shown, plain))
    torch.manual_seed(0)
    groups = sorted(set(shown.group))
    length = shown.vectors[0].size
    part = VectorEncoder("f", "f", length, erased=len(groups), whitened=setting.whitened)
    part.before_epoch(0, [TrainingBatch(NOTHING, tensors(plain, groups))])
    head = nn.Linear(length, 2)
    fit(setting, part, head, shown, groups, epochs * len(plain.rows) // BATCH)
    rest = judged[0].only(judged[0].kind != generator)
    wanted = [one.only((one.kind == "real") | (one.kind == generator)) for one in judged]
    return [auc(part, head, one) for one in (*wanted, rest)]


def fit(
    setting: Setting,
    part: nn.Module,
    head: nn.Linear,
    shown: Table,
    groups: list[str],
    steps: int,
) -> None:
    """As the trainer does: batches of as many of every group and label, a cosine schedule."""
    all_of, draw = tensors(shown, groups), np.random.default_rng(0)
    optimiser = setting.make([*part.parameters(), *head.parameters()])
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    cells = places(shown)
    part.train()
    for _ in range(steps):
        rows = torch.from_numpy(batch(cells, draw, setting.pseudo))
        some = {name: value[rows] for name, value in all_of.items()}
        loss = functional.cross_entropy(head(part(NOTHING, **some)), some["label"])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    part.eval()


def places(shown: Table) -> dict[str, NDArray[np.int64]]:
    """Rows of each group and label; of pseudo-fakes together."""
    names = [f"{row.group}/{row.is_fake}" for row in shown.rows]
    cell = np.where(shown.kind == PSEUDO, PSEUDO, names)
    return {name: np.flatnonzero(cell == name) for name in sorted(set(cell))}


def batch(
    cells: dict[str, NDArray[np.int64]], draw: np.random.Generator, pseudo: float
) -> NDArray[np.int64]:
    """Some of the fakes give their place to pseudo-fakes."""
    own = [name for name in cells if name != PSEUDO]
    chosen = [own[place] for place in draw.integers(len(own), size=BATCH)]
    for place, name in enumerate(chosen):
        if name.endswith("True") and PSEUDO in cells and draw.random() < pseudo:
            chosen[place] = PSEUDO
    return np.array([draw.choice(cells[name]) for name in chosen])


def tensors(table: Table, groups: list[str]) -> dict[str, Tensor]:
    vectors = torch.from_numpy(table.vectors.reshape(len(table.rows), -1)).float()
    label = torch.from_numpy((table.kind != "real").astype(np.int64))
    return {
        "f": vectors,
        "label": label,
        "group": torch.tensor([groups.index(name) for name in table.group]),
    }


@torch.inference_mode()
def auc(part: VectorEncoder, head: nn.Linear, judged: Table) -> float:
    logits = head(part(NOTHING, f=tensors(judged, sorted(set(judged.group)))["f"]))
    return float(roc_auc_score(judged.kind != "real", (logits[:, 1] - logits[:, 0]).numpy()))


if __name__ == "__main__":
    main()
