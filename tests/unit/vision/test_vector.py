"""The vector encoder: standardising, and taking out what tells the groups of real images apart."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from mfclip import PluginError
from mfclip.detector.protocols import TrainingBatch
from mfclip_vision.vector import VectorEncoder, group_directions

IMAGES = torch.zeros(1, 3, 8, 8)


def rows(seed: int = 0, count: int = 240, length: int = 12):
    """Vectors of three groups far apart, with a fake's trace that all groups share."""
    random = np.random.default_rng(seed)
    group, label = random.integers(0, 3, count), random.integers(0, 2, count)
    places = random.normal(0, 4, (3, length))
    trace = random.normal(0, 1, length)
    vectors = random.normal(3, 1.5, (count, length)) + places[group] + label[:, None] * trace
    return torch.tensor(vectors, dtype=torch.float32), torch.tensor(label), torch.tensor(group)


def batches(vectors, label, group, size: int = 7):
    return [
        TrainingBatch(IMAGES, {"clip-features": v, "label": one, "group": g})
        for v, one, g in zip(vectors.split(size), label.split(size), group.split(size), strict=True)
    ]


def encoder(
    length: int = 12,
    standardise: bool = True,
    erased: int = 0,
    whitened: int = 0,
    project: int | None = None,
) -> VectorEncoder:
    return VectorEncoder(
        "clip-features",
        "clip_features",
        length,
        standardise=standardise,
        erased=erased,
        whitened=whitened,
        project=project,
    )


def test_moments_of_batches_are_those_of_all_rows() -> None:
    vectors, label, group = rows()
    part = encoder()
    part.before_epoch(0, batches(vectors, label, group))
    exact = vectors.double().numpy()
    np.testing.assert_allclose(part.mean, exact.mean(0), rtol=1e-6)
    np.testing.assert_allclose(part.deviation, exact.std(0), rtol=1e-6)


def test_what_never_changes_is_left_at_zero() -> None:
    vectors, label, group = rows()
    vectors[:, 3] = 5.0
    part = encoder()
    part.before_epoch(0, batches(vectors, label, group))
    assert part.deviation[3] == 1
    assert part(IMAGES, clip_features=vectors)[:, 3].abs().max() == 0


@pytest.mark.parametrize("standardise", [True, False])
def test_real_means_of_the_groups_coincide_after_erasing(standardise: bool) -> None:
    vectors, label, group = rows()
    part = encoder(standardise=standardise, erased=8)
    part.before_epoch(0, batches(vectors, label, group))
    out = part(IMAGES, clip_features=vectors).double()
    means = torch.stack([out[(group == g) & (label == 0)].mean(0) for g in range(3)])
    assert (means - means.mean(0)).abs().max() < 1e-4
    assert torch.linalg.matrix_rank(part.directions) == 2  # of 8: three groups


def test_after_erasing_a_linear_model_tells_the_groups_of_reals_no_more() -> None:
    vectors, label, group = rows(count=600)
    plain, erased = encoder(), encoder(erased=2)
    for part in (plain, erased):
        part.before_epoch(0, batches(vectors, label, group))
    real = label == 0

    def told(part: VectorEncoder) -> float:
        out = part(IMAGES, clip_features=vectors[real]).numpy()
        model = LogisticRegression(C=1e3, max_iter=500).fit(out, group[real])
        return float(model.score(out, group[real]))

    most = float(torch.bincount(group[real]).max() / real.sum())
    assert told(plain) > 0.95
    assert told(erased) < most + 0.1


def test_fakes_do_not_move_the_directions_and_order_of_batches_does_not_either() -> None:
    vectors, label, group = rows()
    part, other = encoder(standardise=False, erased=2), encoder(standardise=False, erased=2)
    part.before_epoch(0, batches(vectors, label, group))
    moved = torch.where(label[:, None] == 1, vectors + 50, vectors)
    order = torch.randperm(len(vectors), generator=torch.Generator().manual_seed(1))
    other.before_epoch(0, batches(moved[order], label[order], group[order], 50))
    ours, theirs = part.directions, other.directions
    torch.testing.assert_close(ours.T @ ours, theirs.T @ theirs, atol=1e-5, rtol=0)


def test_directions_span_the_differences_and_no_more() -> None:
    means = torch.zeros(4, 5)
    means[1, 0], means[2, 1] = 10.0, 1.0  # the fourth lies where the first does
    found = group_directions(means, 6)
    torch.testing.assert_close(found[:2] @ found[:2].T, torch.eye(2))
    assert not found[2:].any()
    left = means - means @ found.T @ found
    assert (left - left[0]).abs().max() < 1e-5


def test_training_counts_every_version_that_it_saw() -> None:
    vectors, label, group = rows()
    part = encoder(standardise=False, erased=4)
    part.before_epoch(0, batches(vectors, label, group))
    changed = vectors + torch.randn(vectors.shape, generator=torch.Generator().manual_seed(2))
    part.train()
    for more, one, g in zip(changed.split(9), label.split(9), group.split(9), strict=True):
        part(IMAGES, clip_features=more, label=one, group=g)
    both = torch.cat([vectors, changed])
    real, of = label.repeat(2) == 0, group.repeat(2)
    means = torch.stack([both[real & (of == g)].mean(0) for g in range(3)])
    torch.testing.assert_close(part.real_means[:3], means, rtol=1e-4, atol=1e-4)
    out = means - means @ part.directions.T @ part.directions
    assert (out - out.mean(0)).abs().max() < 1e-4


def test_groups_are_erased_from_what_is_whitened() -> None:
    vectors, label, group = rows()
    part = encoder(erased=2, whitened=5)
    part.before_epoch(0, batches(vectors, label, group))
    out = part(IMAGES, clip_features=vectors).double()
    means = torch.stack([out[(group == g) & (label == 0)].mean(0) for g in range(3)])
    assert (means - means.mean(0)).abs().max() < 1e-4
    whole = (vectors.double() - vectors.double().mean(0)) / vectors.double().std(0, correction=0)
    cells = 2 * group + label
    apart = [whole[cells == c] - whole[cells == c].mean(0) for c in range(6)]
    values = torch.linalg.eigvalsh(torch.cat(apart).T @ torch.cat(apart) / len(whole)).flip(0)
    gain = (values[4] / values[:5]).sqrt()
    torch.testing.assert_close(part.whitening.gain.double(), gain, rtol=1e-4, atol=0)


def test_what_is_erased_does_not_come_back_by_the_projection() -> None:
    vectors, label, group = rows()
    torch.manual_seed(0)
    part, plain = encoder(erased=2, project=7), encoder(erased=2)
    for one in (part, plain):
        one.before_epoch(0, batches(vectors, label, group))
    out = part(IMAGES, clip_features=vectors)
    assert out.shape == (len(vectors), 7)
    before = plain(IMAGES, clip_features=vectors).double()
    weight, bias = (one.detach().double() for one in part.project.parameters())
    torch.testing.assert_close(out.double(), before @ weight.T + bias, rtol=0, atol=1e-5)
    means = torch.stack([out[(group == g) & (label == 0)].mean(0) for g in range(3)])
    assert (means - means.mean(0)).abs().max() < 1e-5
    assert out.std() > 0.1


def test_scoring_changes_nothing() -> None:
    vectors, label, group = rows()
    part = encoder(erased=4)
    part.before_epoch(0, batches(vectors, label, group))
    kept = {name: tensor.clone() for name, tensor in part.state_dict().items()}
    part.train()
    part(IMAGES, clip_features=vectors)
    part.eval()
    part(IMAGES, clip_features=vectors, label=label, group=group)
    assert all(torch.equal(kept[name], tensor) for name, tensor in part.state_dict().items())


def test_more_groups_than_there_is_room_for_are_refused() -> None:
    vectors, label, group = rows()
    with pytest.raises(PluginError, match=r"erase_groups = 1, .* room for 2 groups; .* have 3"):
        encoder(erased=1).before_epoch(0, batches(vectors, label, group))


@pytest.mark.parametrize("groups", [0, 1])
def test_one_group_or_none_leaves_everything(groups: int) -> None:
    vectors, label, group = rows()
    label = torch.ones_like(label) if groups == 0 else label
    part, plain = encoder(erased=4), encoder()
    for one in (part, plain):
        one.before_epoch(0, batches(vectors, label, torch.zeros_like(group)))
    assert not part.directions.any()
    torch.testing.assert_close(
        part(IMAGES, clip_features=vectors), plain(IMAGES, clip_features=vectors)
    )


def test_later_epochs_change_nothing() -> None:
    vectors, label, group = rows()
    part = encoder(erased=2)
    part.before_epoch(0, batches(vectors, label, group))
    before = {name: tensor.clone() for name, tensor in part.state_dict().items()}
    part.before_epoch(1, batches(vectors * 3, label, group))
    assert all(torch.equal(before[name], tensor) for name, tensor in part.state_dict().items())


def test_another_length_is_refused() -> None:
    with pytest.raises(PluginError, match=r"12 numbers an image; received \(2, 9\)"):
        encoder()(IMAGES, clip_features=torch.zeros(2, 9))
