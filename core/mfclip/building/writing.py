"""The last stage of a build: the report, the scores, and the bundle that holds them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from mfclip.building.measure import Measured
from mfclip.building.plan import Plan
from mfclip.bundle.contents import BundleContents, Size
from mfclip.bundle.description import ChosenBy, bases_of, needs_of, versions
from mfclip.bundle.folder import FAMILIAR, write_bundle
from mfclip.data.manifest import NAMED_SPLITS, Manifest, Row
from mfclip.evaluation.report.data import EpochFigures, ReportData, Sample, SimilarityMatrix
from mfclip.evaluation.report.write import write_report
from mfclip.explain.own_maps import declared, over_image, own_maps
from mfclip.explain.pictures import (
    as_picture,
    decoded,
    load_images,
    patch_pictures,
    similarity_matrix,
    stills,
    telling_rows,
)
from mfclip.inference.predict import Predictor
from mfclip.metrics.operating import OperatingPoints
from mfclip.metrics.scores import write_scores
from mfclip.plugins.discovery import Plugins
from mfclip.recipe.render import to_toml
from mfclip.training.loop import EpochRecord, TrainingResult


def write(
    folder: Path,
    plan: Plan,
    trained: TrainingResult | None,
    measured: Measured | None,
    plugins: Plugins,
    run: Path,
    *,
    seconds: float,
    text_side: bool,
    light: bool,
) -> Size:
    """Write everything that is kept of a build; an earlier bundle is replaced at the very end."""
    training = plan.recipe.training
    with tempfile.TemporaryDirectory() as scratch:
        files = _files(Path(scratch), plan, trained, measured, run, seconds)
        contents = BundleContents(
            detector=plan.detector.cpu(),
            recipe=plan.recipe,
            prompts=plan.prompts,
            needs=needs_of(plan.recipe, plugins),
            bases=bases_of(plan.recipe),
            operating=measured.operating if measured else OperatingPoints(),
            precision=measured.precision if measured else "",
            metrics=_metrics(measured) if measured else {},
            fingerprint=plan.manifest.fingerprint() if plan.manifest else "",
            seed=training.seed if training else None,
            images=_split_sizes(plan),
            files=files,
            chosen_by=_chosen_by(measured) if measured else None,
        )
        return write_bundle(folder, contents, text_side=text_side, light=light)


def _metrics(measured: Measured) -> dict[str, Any]:
    """The figures of the test split; beside them what the detector was chosen by, if by folds."""
    figures = measured.evaluation.model_dump(mode="json")
    if measured.found is None or measured.left_out is None:
        return figures
    return figures | {
        "chosen_by": {
            **measured.found.choice.model_dump(mode="json"),
            "left_out": measured.left_out.overall.model_dump(mode="json"),
            "in_kind": measured.in_kind.overall.model_dump(mode="json"),
        }
    }


def _chosen_by(measured: Measured) -> ChosenBy | None:
    if measured.found is None:
        return None
    choice = measured.found.choice
    return ChosenBy(
        left_out=choice.column,
        kinds=choice.kinds,
        settings=choice.chosen.settings,
        candidates=len(choice.candidates),
        epoch=choice.epoch,
        auc=choice.auc,
    )


def _files(
    scratch: Path,
    plan: Plan,
    trained: TrainingResult | None,
    measured: Measured | None,
    run: Path,
    seconds: float,
) -> dict[str, str | bytes | Path]:
    """The report, the scores of validation, test and kinds left out, the logs and more."""
    report = scratch / "report.html"
    write_report(report, report_data(plan, trained, measured, seconds))
    files: dict[str, str | bytes | Path] = {"report.html": report}
    if measured is not None:
        if measured.familiar is not None:
            files[FAMILIAR] = measured.familiar.save()
        tables = {"validation": measured.validation, "test": measured.test}
        if measured.found is not None:
            tables["left-out"] = measured.found.scores
        for split, table in tables.items():
            scores = files[f"scores-{split}.csv"] = scratch / f"scores-{split}.csv"
            write_scores(table, measured.operating, scores)
    if (run / "history.jsonl").exists():
        files["history.jsonl"] = run / "history.jsonl"
    for log in sorted((run / "tensorboard").glob("*")):
        files[f"tensorboard/{log.name}"] = log
    return files


def report_data(
    plan: Plan, trained: TrainingResult | None, measured: Measured | None, seconds: float
) -> ReportData:
    """What the report shows of this build."""
    recipe = plan.recipe
    return ReportData(
        title=recipe.name,
        facts=_facts(plan, trained, measured),
        synthetic=plan.synthetic,
        evaluation=measured.evaluation if measured else None,
        scores=measured.test if measured else None,
        validation=measured.in_kind if measured else None,
        choice=measured.found.choice if measured and measured.found else None,
        left_out=measured.left_out if measured else None,
        history=[_figures(record) for record in trained.history] if trained else (),
        best_epoch=trained.best_epoch if trained else None,
        similarity=_similarity(plan) if trained else None,
        samples=_samples(plan, measured) if measured else (),
        findings=plan.audit.findings if plan.audit else None,
        recipe=to_toml(recipe),
        parts=plan.costs,
        versions=versions() | ({"scored in": measured.precision} if measured else {}),
        timing=_timing(trained, seconds),
        absent={} if trained else {"training": "the recipe has no [training]: this is untrained"},
    )


def _facts(plan: Plan, trained: TrainingResult | None, measured: Measured | None) -> dict[str, str]:
    recipe = plan.recipe
    facts = {"assembly": recipe.assembly or "from single parts"}
    if recipe.data is not None:
        facts["data"] = recipe.data.use
        sizes = _split_sizes(plan)
        facts["images"] = ", ".join(f"{sizes[split]} {split}" for split in NAMED_SPLITS)
    if trained is not None and recipe.training is not None:
        facts["epochs"] = f"{len(trained.history)} of {recipe.training.epochs}"
        found = measured.found if measured else None
        chosen = "chosen by kinds left out" if found else "the best on validation"
        on_all = "AUC on validation " if found else "AUC "
        facts["weights"] = (
            f"of epoch {trained.best_epoch}, {chosen} ({on_all}{trained.best_val_auc:.3f})"
        )
        if found is not None and len(found.choice.candidates) > 1:
            facts["setting"] = f"{found.choice.chosen}, of {len(found.choice.candidates)} tried"
        facts["seed"] = str(recipe.training.seed)
    return facts


def _split_sizes(plan: Plan) -> dict[str, int]:
    manifest = plan.manifest
    return {split: len(manifest.of_split(split)) for split in NAMED_SPLITS} if manifest else {}


def _figures(record: EpochRecord) -> EpochFigures:
    terms = {name: value for name, value in record.losses.items() if name != "total"}
    return EpochFigures(
        epoch=record.epoch,
        lr=record.learning_rate,
        losses=terms,
        total=record.losses["total"],
        val_auc=record.val_auc,
        val_loss=record.val_loss,
    )


def _timing(trained: TrainingResult | None, seconds: float) -> dict[str, str]:
    timing = {"whole build": f"{seconds:.0f} s"}
    if trained is not None:
        timing["training"] = f"{sum(record.seconds for record in trained.history):.0f} s"
        timing["speed"] = f"{trained.history[-1].images_per_second:.1f} images/s"
    return timing


def _similarity(plan: Plan) -> SimilarityMatrix | None:
    assert plan.manifest is not None
    preprocessor = plan.recipe.preprocessor()
    found = similarity_matrix(
        plan.detector, plan.manifest.of_split("val"), plan.prompts, preprocessor
    )
    return SimilarityMatrix(*found) if found else None


def _samples(plan: Plan, measured: Measured) -> list[Sample]:
    """The most telling test images, with the patch that the detector reads."""
    assert plan.manifest is not None
    table = measured.test
    chosen = telling_rows(table)
    test = plan.manifest.of_split("test")
    rows = test.rows
    preprocessor = plan.recipe.preprocessor()
    shown = [rows[i] for i in chosen]
    images = stills(load_images(test, shown, preprocessor))
    patches = patch_pictures(plan.detector, images)
    maps = _own_maps(plan, test, shown)
    p_fake = measured.operating.p_fake(table.log_odds)
    samples = []
    for place, i in enumerate(chosen):
        patch = patches[place] if patches else None
        samples.append(
            Sample(
                name=rows[i].path.name,
                image=as_picture(images[place]),
                p_fake=float(p_fake[i]),
                is_fake=bool(table.is_fake[i]),
                group=rows[i].group,
                generator=rows[i].label.generator,
                box=patch.box if patch else None,
                patch=patch.patch if patch else None,
                noise=patch.noise if patch else None,
                maps={
                    name: over_image(as_picture(images[place]), one)
                    for name, one in maps[place].items()
                },
            )
        )
    return samples


def _own_maps(plan: Plan, test: Manifest, rows: Sequence[Row]) -> list[dict[str, NDArray[Any]]]:
    """What the detector itself says of each place of these images."""
    names = declared(plan.recipe)
    if not names:
        return [{} for _ in rows]
    cpu = torch.device("cpu")
    preprocessor = plan.recipe.preprocessor()
    predictor = Predictor(plan.detector, preprocessor, device=cpu, precision=torch.float32)
    return own_maps(predictor, decoded(test, rows, preprocessor), names)
