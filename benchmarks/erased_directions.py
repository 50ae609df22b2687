"""What erasing the groups of the reals brings, and what of it is no better look at a forgery.

As probe_settings.py, with the recipe's setting and directions that are fixed before training: those
in which the means of the groups' reals differ, of images as they are, of their changed versions, of
the middle of both, or all of them. Each generator left out is judged against the reals of all
groups, which tells how pictures of its group score beside others' as much as how forged they look,
and against the reals of its own group, which tells the latter alone.

    python benchmarks/erased_directions.py --recipe recipes/faces-clip.toml \
        --set data.root=FACES --set data.file=faces.csv
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float
from kept_features import Table, as_they_are, asked, held, joined, seen
from numpy.typing import NDArray
from probe_settings import BATCH, NOTHING, Setting, fit, tensors
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from mfclip.building.reading import read_data
from mfclip.detector.protocols import TrainingBatch
from mfclip_vision.vector import VectorEncoder

SETTING = Setting("sgd", 3e-4, 5.0, 256, 0.05)
Means = Float[Tensor, "groups n"]
ERASED: dict[str, Callable[[Means, Means], Sequence[Means]]] = {
    "nothing": lambda plain, changed: [],
    "of images as they are": lambda plain, changed: [plain],
    "of changed versions": lambda plain, changed: [changed],
    "of the middle of both": lambda plain, changed: [(plain + changed) / 2],
    "of both": lambda plain, changed: [plain, changed],
}


class Even(nn.Module):
    """Vectors standardised and whitened, without some directions."""

    def __init__(self, part: VectorEncoder, directions: Float[Tensor, "k n"]) -> None:
        super().__init__()
        self.part, self.directions = part, directions

    def forward(self, images: Tensor, **given: Tensor) -> Float[Tensor, "batch n"]:
        vectors: Tensor = self.part(images, f=given["f"])
        return vectors - vectors @ self.directions.T @ self.directions


def main() -> None:
    recipe, epochs = asked(__doc__)
    manifest = read_data(recipe)
    shown = seen(recipe, manifest.of_split("train"), epochs)
    plain, other = (as_they_are(recipe, manifest.of_split(split)) for split in ("train", "val"))
    shown = shown.only(np.array([not held(row) for row in shown.rows]))
    apart = np.array([held(row) for row in plain.rows])
    judged = joined(plain.only(apart), other)
    tell(shown, plain.only(~apart), judged, epochs)


def tell(shown: Table, plain: Table, judged: Table, epochs: int) -> None:
    """A row for each choice of directions: against all reals, then against its own group's."""
    generators = sorted(set(judged.kind) - {"real"})
    print("| directions erased |", " | ".join(2 * [*generators, "mean"]), "|")
    print("|:--|" + "--:|" * 2 * (len(generators) + 1))
    for name in ERASED:
        found = np.array([left_out(name, shown, plain, judged, g, epochs) for g in generators])
        figures = [*found[:, 0], found[:, 0].mean(), *found[:, 1], found[:, 1].mean()]
        print(f"| {name} |", " | ".join(f"{100 * auc:.1f}" for auc in figures), "|", flush=True)


def left_out(
    name: str, shown: Table, plain: Table, judged: Table, generator: str, epochs: int
) -> tuple[float, float]:
    """AUC against all reals and against those of its groups, without training on it."""
    shown, plain = (one.only(one.kind != generator) for one in (shown, plain))
    torch.manual_seed(0)
    groups = sorted(set(shown.group))
    length = shown.vectors[0].size
    part = VectorEncoder("f", "f", length, whitened=SETTING.whitened)
    part.before_epoch(0, [TrainingBatch(NOTHING, tensors(plain, groups))])
    there = {vector.tobytes() for vector in plain.vectors}
    as_is = np.array([vector.tobytes() in there for vector in shown.vectors])
    real = (shown.kind == "real") & ~shown.pseudo
    means = [group_means(part.eval(), shown.only(real & one)) for one in (as_is, ~as_is)]
    even = Even(part, spanned(ERASED[name](*means), length))
    head = nn.Linear(length, 2)
    fit(SETTING, even, head, shown, groups, epochs * len(plain.rows) // BATCH)
    return judge(even, head, judged, generator)


@torch.no_grad()
def group_means(part: VectorEncoder, reals: Table) -> Means:
    """Of each group, by name."""
    groups = sorted(set(reals.group))
    vectors = part(NOTHING, f=tensors(reals, groups)["f"])
    return torch.stack([vectors[torch.from_numpy(reals.group == g)].mean(0) for g in groups])


def spanned(means: Sequence[Means], length: int) -> Float[Tensor, "k n"]:
    """Rows of length 1 at right angles, that the differences of the means of each table span."""
    if not means:
        return torch.zeros(1, length)
    _, sizes, rows = torch.linalg.svd(
        torch.cat([one - one.mean(0) for one in means]), full_matrices=False
    )
    return rows[sizes > 1e-3 * sizes[0]]


@torch.inference_mode()
def judge(even: Even, head: nn.Linear, judged: Table, generator: str) -> tuple[float, float]:
    logits = head(even(NOTHING, f=tensors(judged, sorted(set(judged.group)))["f"]))
    log_odds = (logits[:, 1] - logits[:, 0]).numpy()
    own = set(judged.group[judged.kind == generator])
    real, fake = judged.kind == "real", judged.kind == generator
    of_group = np.isin(judged.group, sorted(own))
    return auc(log_odds, fake, real), auc(log_odds, fake, real & of_group)


def auc(log_odds: NDArray[np.float32], fake: NDArray[np.bool_], real: NDArray[np.bool_]) -> float:
    return float(roc_auc_score(fake[fake | real], log_odds[fake | real]))


if __name__ == "__main__":
    main()
