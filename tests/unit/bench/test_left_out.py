"""Leave-one-out on manifests by hand: exactly which images train, choose and test."""

from __future__ import annotations

import pytest

from mfclip.bench.grid import training_manifest
from mfclip.bench.protocols import Options, make_protocol
from mfclip.bench.selections import LEVELS, Where
from mfclip.data.kind_folds import kind_of
from mfclip.data.kinds import Kinds
from mfclip.errors import DataError, UsageError

from .conftest import REAL, data, rows

ALPHA = ("fake", "EFS", "GAN", "alpha")
BETA = ("fake", "EFS", "diffusion", "beta")
GAMMA = ("fake", "FS", "GAN", "gamma")
LATE = ("fake", "FS", "GAN", "late")


@pytest.fixture
def grouped():
    """Alpha alone in group x, beta and gamma together in y, and reals of z that go with no fake."""
    return data(
        rows(REAL, "x"), rows(ALPHA, "x"), rows(REAL, "y"), rows(BETA, "y"), rows(GAMMA, "y"),
        rows(REAL, "z"),
    )  # fmt: skip


def made(manifest, **options):
    return make_protocol("leave-one-out", manifest, Options(**options))


def kinds(some):
    """What a few rows are: generator or ``real`` with the group."""
    return {f"{row.label.generator or 'real'} {row.group}".strip() for row in some}


def trained(manifest, experiment, split):
    own = training_manifest(Kinds.of(manifest), experiment).of_split(split).rows
    assert {row.split for row in own} <= {split}
    return kinds(own)


def columns_of(manifest, experiment):
    return {
        (c.row, c.name): kinds(r for r in manifest.of_split("test").rows if c.selection.takes(r))
        for c in experiment.columns
    }


def by_name(protocol):
    return {one.name: one for one in protocol.experiments}


def test_each_generator_is_left_out_once_with_the_reals_of_its_group(grouped):
    found = made(grouped)
    assert [(one.name, one.slug) for one in found.experiments] == [
        ("all but alpha", "generator-without-alpha"),
        ("all but beta", "generator-without-beta"),
        ("all but gamma", "generator-without-gamma"),
    ]
    without = by_name(found)
    for split in ("train", "val"):
        assert trained(grouped, without["all but alpha"], split) == {"real y", "beta y", "gamma y"}
        assert trained(grouped, without["all but beta"], split) == {
            "real x", "alpha x", "real y", "gamma y",
        }  # fmt: skip
    assert columns_of(grouped, without["all but alpha"]) == {
        ("alpha", "left out"): {"real x", "alpha x"},
        ("alpha", "the rest"): {"real y", "beta y", "gamma y"},
    }
    assert columns_of(grouped, without["all but beta"]) == {
        ("beta", "left out"): {"real y", "beta y"},
        ("beta", "the rest"): {"real x", "alpha x", "real y", "gamma y"},
    }
    assert [[c.within for c in one.columns] for one in found.experiments] == [[False, True]] * 3
    assert (without["all but alpha"].counts.reals, without["all but alpha"].counts.fakes) == (2, 4)
    assert without["all but alpha"].validation == without["all but alpha"].counts
    assert found.notes == ()


@pytest.mark.parametrize("reals", ["same-group", "all"])
def test_without_a_group_neither_its_fakes_nor_its_reals_are_seen(grouped, reals):
    without = by_name(made(grouped, leave="group", reals=reals))
    assert list(without) == ["all but x", "all but y"]
    more = {"real z"} if reals == "all" else set()
    for split in ("train", "val"):
        assert trained(grouped, without["all but x"], split) == {
            "real y", "beta y", "gamma y", *more,
        }  # fmt: skip
        assert trained(grouped, without["all but y"], split) == {"real x", "alpha x", *more}
    every = {"real x", "real y", "real z"}
    assert columns_of(grouped, without["all but x"]) == {
        ("x", "left out"): {"alpha x", *(every if reals == "all" else {"real x"})},
        ("x", "the rest"): {"real y", "beta y", "gamma y", *more},
    }


def test_fakes_without_reals_of_their_own_do_not_bring_back_those_of_the_left_out_group():
    manifest = data(rows(REAL, "x"), rows(ALPHA, "x"), rows(BETA, "y"), rows(REAL, "z"))
    without = by_name(made(manifest, leave="group"))["all but x"]
    assert trained(manifest, without, "train") == {"beta y", "real z"}
    assert columns_of(manifest, without)["x", "the rest"] == {"beta y", "real z"}
    assert "no reals in y: compared with the reals of all other groups" in without.note


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("reals", ["same-group", "all"])
def test_nothing_of_what_is_left_out_is_seen_before_the_test(grouped, level, reals):
    found = made(grouped, leave=level, reals=reals)
    assert len(found.experiments) == len({kind_of(r, level) for r in grouped if r.is_fake})
    for one in found.experiments:
        left = one.columns[0].row
        seen = [
            r for r in training_manifest(Kinds.of(grouped), one).rows if r.split in ("train", "val")
        ]
        assert seen
        same = [r for r in seen if kind_of(r, level) == left]
        assert same == []
        out = [r for r in grouped.of_split("test") if one.columns[0].selection.takes_fake(r)]
        assert {kind_of(r, level) for r in out} == {left}


def test_a_kind_of_the_test_split_alone_is_left_out_of_everything(grouped):
    more = data(list(grouped.rows), rows(LATE, "y", ("test",)))
    found = made(more)
    assert [one.name for one in found.experiments] == [
        "all but alpha", "all but beta", "all but gamma", "all",
    ]  # fmt: skip
    last = found.experiments[-1]
    assert last.slug == "all"
    whole = make_protocol("within", more).experiments[0]
    assert training_manifest(Kinds.of(more), last) == training_manifest(Kinds.of(more), whole)
    assert columns_of(more, last) == {
        ("late", "left out"): {"real y", "late y"},
        ("late", "the rest"): {"real x", "alpha x", "real y", "beta y", "gamma y"},
    }
    # It is no kind that was trained on, so it is in no rest.
    first = found.experiments[0]
    assert columns_of(more, first)["alpha", "the rest"] == {"real y", "beta y", "gamma y"}


def test_two_kinds_of_the_test_split_alone_share_one_training(grouped):
    later = ("fake", "FS", "GAN", "later")
    more = data(list(grouped.rows), rows(LATE, "y", ("test",)), rows(later, "x", ("test",)))
    last = made(more).experiments[-1]
    assert [(c.row, c.name) for c in last.columns] == [
        ("late", "left out"), ("late", "the rest"), ("later", "left out"), ("later", "the rest"),
    ]  # fmt: skip


def test_reals_of_a_test_group_that_are_trained_on_elsewhere_keep_its_training_apart(grouped):
    more = data(list(grouped.rows), rows(LATE, "z", ("test",)))
    kept = by_name(made(more, leave="group"))
    assert kept["all"].slug == "all"  # same-group: the reals of z go with no fake that trains
    apart = by_name(made(more, leave="group", reals="all"))["all but z"]
    assert apart.slug == "group-without-z"
    assert "real z" not in trained(more, apart, "train")


@pytest.mark.parametrize(
    ("level", "protocol"), [("forgery", "cross-forgery"), ("group", "cross-dataset")]
)
def test_without_one_of_two_is_the_training_on_the_other(grouped, level, protocol):
    other = {one.slug: one for one in make_protocol(protocol, grouped).experiments}
    found = made(grouped, leave=level).experiments
    assert len(found) == 2
    assert {one.slug for one in found} == set(other)
    for one in found:
        shared = training_manifest(Kinds.of(grouped), other[one.slug])
        assert training_manifest(Kinds.of(grouped), one) == shared
        assert training_manifest(Kinds.of(grouped), one).fingerprint() == shared.fingerprint()


def test_other_reals_are_another_training(grouped):
    """cross-dataset trains on all reals then, and this never on those of the group left out."""
    found = made(grouped, leave="group", reals="all").experiments
    assert [one.slug for one in found] == ["group-without-x", "group-without-y"]


def test_fakes_without_a_name_train_every_time_and_are_told(grouped):
    more = data(list(grouped.rows), rows(("fake", "FS", "", ""), "y"))
    found = made(more)
    assert len(found.experiments) == 3
    for one in found.experiments:
        assert one.train.takes(more.rows[-6])
    (note,) = found.notes
    assert note.startswith("2 fakes of the split train have no `generator`: they are trained on")


def test_the_group_without_a_name_is_a_group(grouped):
    more = data(list(grouped.rows), rows(REAL), rows(GAMMA))
    without = by_name(made(more, leave="group"))["all but (unnamed)"]
    assert (without.slug, without.columns[0].row) == ("group-without-unnamed", "(unnamed)")
    assert columns_of(more, without)["(unnamed)", "left out"] == {"real", "gamma"}
    assert trained(more, without, "val") == {"real x", "alpha x", "real y", "beta y", "gamma y"}


def test_only_some_fakes_take_part(grouped):
    among = (Where(column="forgery", value="EFS"),)
    found = made(grouped, among=among)
    assert [(one.name, one.slug) for one in found.experiments] == [
        ("EFS but alpha", "generator-efs-beta"),
        ("EFS but beta", "generator-efs-alpha"),
    ]
    crossed = {one.slug for one in make_protocol("cross-generator", grouped).experiments}
    assert {one.slug for one in found.experiments} == crossed
    assert columns_of(grouped, found.experiments[0]) == {
        ("alpha", "left out"): {"real x", "alpha x"},
        ("alpha", "the rest"): {"real y", "beta y"},
    }


def test_a_condition_of_the_whole_protocol_may_exclude_too(grouped):
    among = (Where(column="generator", value="gamma", equal=False),)
    found = made(grouped, among=among)
    assert [one.name for one in found.experiments] == [
        "without gamma but alpha", "without gamma but beta",
    ]  # fmt: skip
    assert trained(grouped, found.experiments[1], "train") == {"real x", "alpha x"}


def test_training_sets_can_be_chosen(grouped):
    (one,) = made(grouped, train=("all but beta",)).experiments
    assert one.name == "all but beta"
    with pytest.raises(UsageError, match="did you mean 'all but beta'"):
        made(grouped, train=("all but bet",))


def test_two_values_are_needed(grouped):
    among = (Where(column="generator", value="alpha"),)
    with pytest.raises(DataError) as caught:
        made(grouped, among=among)
    assert str(caught.value) == (
        "two named values of `generator` are needed to leave one out, and the fakes of generator "
        "alpha have 1; the column holds: alpha (6 images)"
    )
    with pytest.raises(DataError, match=r"`group` are needed .* have 0; .*: \(empty\) \(12 images"):
        made(data(rows(REAL), rows(ALPHA), rows(BETA)), leave="group")


def test_what_cannot_be_tested_is_not_left_out_and_told(grouped):
    early = ("fake", "FS", "GAN", "early")
    more = data(list(grouped.rows), rows(early, "y", ("train", "val")))
    found = made(more)
    assert list(by_name(found)) == ["all but alpha", "all but beta", "all but gamma"]
    assert found.notes == ("early is not left out: no fake images to test it in the split test",)
    for one in found.experiments:
        assert "early y" in trained(more, one, "train")


def test_what_leaves_nothing_to_train_on_is_told():
    manifest = data(rows(REAL), rows(ALPHA), rows(BETA, splits=("train", "test")))
    found = made(manifest)
    assert list(by_name(found)) == ["all but beta"]
    assert found.notes == ("not trained on all but alpha: no fake images in the split val",)


def test_without_reals_nothing_is_left():
    manifest = data(rows(REAL, splits=("train", "val")), rows(ALPHA), rows(BETA))
    with pytest.raises(DataError, match="nothing is left to train and test") as caught:
        made(manifest)
    assert "alpha is not left out: no real images to test it in the split test" in str(caught.value)


def test_a_rest_without_test_images_is_told_and_the_left_out_are_tested():
    manifest = data(
        rows(REAL), rows(ALPHA, splits=("train", "val")), rows(BETA, splits=("test",)),
        rows(GAMMA, splits=("train", "val")),
    )  # fmt: skip
    (one,) = made(manifest).experiments
    assert [(c.row, c.name) for c in one.columns] == [("beta", "left out")]
    assert made(manifest).notes[-1] == (
        "without beta, not tested on the rest: no fake images in the split test"
    )
