"""Tables made from scores by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mfclip.bench.figures import Scored
from mfclip.bench.protocols import Options, make_protocol
from mfclip.bench.selections import Where
from mfclip.bench.tables import Study, make_tables
from mfclip.metrics.operating import fit_operating_points
from mfclip.metrics.scores import ScoreTable
from mfclip.recipe.settings import EvaluationSettings

from .conftest import REAL, data, rows


@pytest.fixture
def pooled():
    """Two groups, one with three fakes for each real image, one with one for three."""
    fake = ("fake", "EFS", "GAN", "alpha")
    return data(
        rows(REAL, "a", each=2), rows(fake, "a", each=6), rows(REAL, "b", each=6), rows(fake, "b")
    )


def study(manifest, **options) -> Study:
    return Study(
        protocol=make_protocol("robustness", manifest, Options(**options)),
        detectors=("one",),
        seeds=(0,),
        evaluation=EvaluationSettings(bootstrap=100),
        grouped=True,
        synthetic=False,
    )


def test_what_knowing_the_group_alone_would_reach_is_told_once(pooled):
    test = pooled.of_split("test")
    table = ScoreTable.from_manifest(test, np.linspace(-1, 1, len(test)))

    def read(experiment, detector, seed):
        conditions = {column.condition for column in experiment.columns}
        return Scored(fit_operating_points(table), dict.fromkeys(conditions, table))

    made = make_tables(study(pooled, corruptions=("blur", "noise"), levels=(1, 5)), read)[0]
    told = [line for line in made.caption if "pools groups" in line]
    # By group alone, a fake is above a real image in 6 * 6 pairs of 64, and level in 6 * 2 + 2 * 6.
    assert told == [
        "Every column pools groups with different shares of fakes: telling the groups apart, and "
        "nothing else, would reach an AUC of 75.0 there."
    ]


def test_a_study_of_some_fakes_has_a_folder_and_a_heading_of_its_own(pooled):
    some = study(pooled, among=(Where(column="forgery", value="EFS"),))
    assert some.slug == "robustness-among-efs"
    assert some.heading == "Robustness to corruptions never trained on (EFS)"
    assert study(pooled).slug == "robustness"
