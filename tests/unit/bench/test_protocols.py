from __future__ import annotations

import pytest
from pydantic import ValidationError

from mfclip.bench.protocols import (
    NAMES,
    SEVEN,
    Condition,
    Options,
    Protocol,
    make_protocol,
    slug_of,
)
from mfclip.bench.selections import Counts, Where
from mfclip.data.kinds import Kinds
from mfclip.errors import DataError, UsageError

from .conftest import REAL, data, rows


def layout(protocol):
    return {
        one.name: {column.name: column.within for column in one.columns}
        for one in protocol.experiments
    }


def test_cross_forgery_trains_on_each_type_and_tests_on_all(crossed):
    found = make_protocol("cross-forgery", crossed)
    assert layout(found) == {
        "EFS": {"EFS": True, "FS": False},
        "FS": {"EFS": False, "FS": True},
    }
    first = found.experiments[0]
    assert first.counts == first.validation == Counts(reals=4, fakes=4)
    assert [column.counts.fakes for column in first.columns] == [4, 2]
    assert [one.slug for one in found.experiments] == ["forgery-efs", "forgery-fs"]


def test_cross_generator_stays_inside_a_forgery_type(crossed):
    found = make_protocol("cross-generator", crossed)
    assert layout(found) == {
        "alpha": {"alpha": True, "beta": False},
        "beta": {"alpha": False, "beta": True},
    }
    assert {one.block for one in found.experiments} == {"EFS"}
    (note,) = found.notes
    assert "forgery FS have 1" in note
    assert "gamma (6 images)" in note


def test_cross_generator_inside_a_family_or_nothing(crossed):
    inside = make_protocol("cross-generator", crossed, Options(inside=("family",)))
    assert layout(inside).keys() == {"alpha", "gamma"}
    everywhere = make_protocol("cross-generator", crossed, Options(inside=()))
    assert layout(everywhere).keys() == {"alpha", "beta", "gamma"}


def test_cross_dataset_goes_by_group():
    fake = ("fake", "FS", "GAN", "swap")
    found = make_protocol(
        "cross-dataset", data(*(rows(kind, g) for kind in (REAL, fake) for g in ("ff", "celeb")))
    )
    assert layout(found) == {
        "celeb": {"celeb": True, "ff": False},
        "ff": {"celeb": False, "ff": True},
    }
    assert found.experiments[1].train.groups == ("ff",)


def test_within_tests_everything_and_each_group(crossed):
    assert layout(make_protocol("within", crossed)) == {"all": {"all": True}}
    fake = ("fake", "FS", "GAN", "swap")
    grouped = data(*(rows(kind, g) for kind in (REAL, fake) for g in ("ff", "celeb")))
    assert layout(make_protocol("within", grouped)) == {
        "all": {"all": True, "celeb": True, "ff": True}
    }


def test_robustness_is_every_corruption_at_every_level(crossed):
    (one,) = make_protocol("robustness", crossed).experiments
    assert len(one.columns) == len(SEVEN) * 6
    assert [column.condition for column in one.columns[:3]] == [
        None,
        Condition(corruption="saturation", level=1),
        Condition(corruption="saturation", level=2),
    ]
    assert one.columns[0].within
    assert {column.row for column in one.columns} == set(SEVEN)


def test_a_stated_size_holds_for_level_0_too(crossed):
    (one,) = make_protocol("robustness", crossed, Options(size=128, levels=(5,))).experiments
    assert one.columns[0].condition == Condition(corruption="none", level=0)


def test_the_same_training_set_has_the_same_slug_in_two_protocols(crossed):
    slugs = {make_protocol(name, crossed).experiments[0].slug for name in ("within", "robustness")}
    assert slugs == {"all"}


def test_only_some_fakes_take_part(crossed):
    among = Options(among=(Where(column="forgery", value="FS"),), levels=(5,))
    (one,) = make_protocol("robustness", crossed, among).experiments
    assert (one.name, one.slug) == ("FS", "forgery-fs")
    crossing = {e.slug: e for e in make_protocol("cross-forgery", crossed).experiments}
    same = crossing["forgery-fs"]
    assert (one.train, one.counts, one.validation) == (same.train, same.counts, same.validation)
    assert all(column.selection == same.columns[1].selection for column in one.columns)
    (inside,) = make_protocol("within", crossed, among).experiments
    assert inside.slug == "forgery-fs"


def test_a_label_of_no_fake_is_told_with_those_there_are(crossed):
    among = Options(among=(Where(column="forgery", value="AM"),))
    with pytest.raises(DataError, match=r"no fakes with forgery=AM: forgery is EFS, FS; "):
        make_protocol("robustness", crossed, among)


def test_corrupted_images_are_scored_where_a_column_takes_them(crossed):
    among = Options(among=(Where(column="forgery", value="FS"),), levels=(5,))
    (one,) = make_protocol("robustness", crossed, among).experiments
    test = crossed.of_split("test")
    assert one.tested(test, None) == test
    scored = one.tested(test, Condition(corruption="blur", level=5))
    assert scored.rows == tuple(row for row in test.rows if one.columns[0].selection.takes(row))
    assert 0 < len(scored) < len(test)
    assert not one.tested(test, Condition(corruption="blur", level=4)).rows


def test_names_that_look_alike_get_folders_of_their_own():
    manifest = data(
        rows(REAL, each=4),
        *(rows(("fake", "EFS", "GAN", name)) for name in ("Style GAN", "style-gan")),
    )
    slugs = [one.slug for one in make_protocol("cross-generator", manifest).experiments]
    assert len(set(slugs)) == 2
    assert slug_of("Stable Diffusion 2.1") == "stable-diffusion-2.1"
    assert slug_of("../..") == "unnamed"


def test_missing_labels_are_told_with_what_was_found():
    manifest = data(rows(REAL), rows(("fake", "", "", "gen")))
    with pytest.raises(DataError, match="named values of `forgery`") as caught:
        make_protocol("cross-forgery", manifest)
    assert "(empty) (6 images)" in str(caught.value)
    with pytest.raises(DataError, match=r"`group`.*\(empty\)"):
        make_protocol("cross-dataset", manifest)
    with pytest.raises(DataError, match=r"`generator`.*gen \(6 images\)"):
        make_protocol("cross-generator", manifest)


def test_a_generator_of_the_test_split_alone_is_tested_and_not_trained(crossed):
    more = data(list(crossed.rows), rows(("fake", "EFS", "GAN", "late"), splits=("test",)))
    found = make_protocol("cross-generator", more)
    assert layout(found).keys() == {"alpha", "beta"}
    assert list(layout(found)["alpha"]) == ["alpha", "beta", "late"]
    assert any(
        "not trained on EFS late: no fake images in the split train" in n for n in found.notes
    )


def test_a_generator_without_test_images_is_trained_and_not_tested(crossed):
    more = data(list(crossed.rows), rows(("fake", "EFS", "GAN", "early"), splits=("train", "val")))
    found = make_protocol("cross-generator", more)
    assert "early" in layout(found)
    assert list(layout(found)["early"]) == ["alpha", "beta"]
    assert found.notes.count("not tested on EFS early: no fake images in the split test") == 1


def test_a_training_set_without_validation_is_refused_with_the_reason():
    manifest = data(
        rows(REAL), *(rows(("fake", kind, "", ""), splits=("train", "test")) for kind in "AB")
    )
    with pytest.raises(DataError, match="not trained on A: no fake images in the split val"):
        make_protocol("cross-forgery", manifest)


def test_an_empty_split_is_told():
    manifest = data(rows(REAL, splits=("train", "test")), rows(("fake", "A", "", ""), splits=("",)))
    with pytest.raises(DataError, match=r"split val; found: \(none\) \(2 images\), test \(2"):
        make_protocol("within", manifest)


def test_training_sets_can_be_chosen(crossed):
    found = make_protocol("cross-forgery", crossed, Options(train=("FS",)))
    assert layout(found) == {"FS": {"EFS": False, "FS": True}}
    with pytest.raises(UsageError, match="no training set 'FSS'; did you mean 'FS'"):
        make_protocol("cross-forgery", crossed, Options(train=("FSS",)))


def test_an_unknown_protocol_is_told(crossed):
    with pytest.raises(UsageError, match="did you mean 'cross-forgery'"):
        make_protocol("crossforgery", crossed)


@pytest.mark.parametrize("name", [n for n in NAMES if n != "cross-dataset"])
def test_no_test_row_trains_and_no_training_row_tests(crossed, name):
    from mfclip.bench.grid import training_manifest

    for one in make_protocol(name, crossed).experiments:
        made = training_manifest(Kinds.of(crossed), one)
        by_split = {s: made.of_split(s).rows for s in ("train", "val", "test")}
        assert by_split["test"] == crossed.of_split("test").rows
        assert {r.split for r in by_split["train"]} == {"train"}
        trained = {r.label for s in ("train", "val") for r in by_split[s] if one.train.takes(r)}
        assert trained == {r.label for s in ("train", "val") for r in by_split[s]}


@pytest.mark.parametrize("name", [n for n in NAMES if n != "cross-dataset"])
def test_a_protocol_survives_json(crossed, name):
    found = make_protocol(name, crossed)
    assert Protocol.model_validate_json(found.model_dump_json()) == found


@pytest.mark.parametrize(
    "wrong", [{"levels": (6,)}, {"levels": ()}, {"size": 0}, {"reals": "some"}]
)
def test_options_are_checked(wrong):
    with pytest.raises(ValidationError):
        Options.model_validate(wrong)
