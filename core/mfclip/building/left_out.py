"""Choosing candidate and epoch by kinds of forgery left out: what is trained for it, and where.

Beside the run of the final training lies ``left-out/``, with a folder for each candidate and kind:
the checkpoints while it is trained, the log-odds of each epoch's validation, and ``fold.json`` once
it is finished, when the checkpoints go.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from mfclip.building.fold_names import names_of, numbered, slug_of
from mfclip.building.plan import assembled, prompt_table
from mfclip.building.training import train_detector, unchanged_tables
from mfclip.bundle.description import bases_of
from mfclip.compute.precision import choose_precision
from mfclip.data.kind_folds import Column, KindFold, kind_folds, never_left_out
from mfclip.errors import TrainingError
from mfclip.files import replace_file, write_text
from mfclip.metrics.kinds_left_out import CandidateFigures, Choice, FoldFigures, choose, pooled
from mfclip.metrics.scores import ScoreTable
from mfclip.ranks.world import ALONE, Ranks
from mfclip.recipe.candidates import Candidate, candidates_of
from mfclip.text import counted
from mfclip.training.fingerprint import data_fingerprint, flat, require_same, settings_fingerprint
from mfclip.training.records import EpochRecord

if TYPE_CHECKING:
    from mfclip.building.events import BuildEvents
    from mfclip.data.manifest import Manifest
    from mfclip.plugins.discovery import Plugins
    from mfclip.recipe.model import Recipe

FOLDER = "left-out"
"""Of the folds, in the folder of the run."""
RECORD, CHECKPOINTS = "fold.json", "training"


@dataclass(frozen=True)
class Search:
    """What is to be trained before the choice."""

    column: Column
    candidates: tuple[Candidate, ...]
    folds: tuple[KindFold, ...]
    """The same rows for every candidate."""
    val: Manifest
    """The validation split, whose rows the folds are judged by."""
    unjudged: Mapping[str, int]
    """Fakes of val whose kind no fold leaves out, because train has none of it."""

    @property
    def trainings(self) -> int:
        """How many there are, the final one on all kinds included."""
        return len(self.candidates) * len(self.folds) + 1

    def told(self) -> str:
        """For people, before it begins."""
        candidates = counted(len(self.candidates), "candidate")
        text = (
            f"{self.trainings} trainings: {candidates} × {len(self.folds)} kinds left out "
            f"({self.column}: {', '.join(fold.kind for fold in self.folds)}), and the chosen one "
            "on all kinds"
        )
        rest = ", ".join(f"{kind} ({count} fakes)" for kind, count in self.unjudged.items())
        return f"{text}; of val, train has no {rest}: these judge nothing" if rest else text


@dataclass(frozen=True)
class Found:
    """What the folds led to."""

    choice: Choice
    candidate: Candidate
    """The chosen one."""
    scores: ScoreTable
    """Of the validation images that a fold judges: every fake by the detector that never saw its
    kind, every real by the mean log-odds over the folds that it is compared in."""


def make_search(recipe: Recipe, manifest: Manifest, plugins: Plugins) -> Search | None:
    """Candidates and folds of a recipe; None where the validation split decides.

    Raises
    ------
    DataError
        As :func:`mfclip.data.kind_folds.kind_folds`.
    RecipeError
        As :func:`mfclip.recipe.candidates.candidates_of`.
    """
    column = recipe.training.left_out if recipe.training else None
    if column is None:
        return None
    return Search(
        column=column,
        candidates=candidates_of(recipe, plugins),
        folds=kind_folds(manifest, column),
        val=manifest.of_split("val"),
        unjudged=never_left_out(manifest, column),
    )


def check_candidates(
    search: Search, manifest: Manifest, device: torch.device, events: BuildEvents
) -> None:
    """Assemble every candidate once, so that none fails after others were trained for hours."""
    if len(search.candidates) > 1:
        events.stage(f"Assembling each of {len(search.candidates)} candidates")
    for candidate in search.candidates if len(search.candidates) > 1 else ():
        training = candidate.recipe.training
        assert training is not None
        choose_precision(training.precision, device)
        assembled(candidate.recipe, prompt_table(candidate.recipe, manifest))


def train_folds(
    search: Search,
    run: Path,
    device: torch.device,
    events: BuildEvents,
    *,
    resume: bool,
    ranks: Ranks = ALONE,
) -> Found:
    """Train every candidate without each kind, and choose.

    Finished folds are not trained again where ``resume`` is true, and an unfinished one goes on.

    Raises
    ------
    UsageError
        Where the folder holds folds that were begun with something else.
    TrainingError
        As :func:`mfclip.training.loop.train`, with the fold's name.
    """
    folds = [
        [
            _Fold(
                candidate, fold, run / FOLDER / slug_of(candidate) / f"fold-{number}", device, ranks
            )
            for number, fold in enumerate(search.folds, 1)
        ]
        for candidate in search.candidates
    ]
    figures = [
        CandidateFigures(
            settings=dict(candidate.settings),
            folds=tuple(
                fold.figures(f"{place}{numbered(search.candidates, number)}", events, resume=resume)
                for place, fold in zip(names_of(search.folds), own, strict=True)
            ),
        )
        for number, (candidate, own) in enumerate(zip(search.candidates, folds, strict=True), 1)
    ]
    choice = choose(search.column, figures)
    events.stage(f"Chosen: {choice}")
    chosen = folds[choice.candidate - 1]
    log_odds = pooled(
        len(search.val), ((one.fold.places, one.log_odds(choice.epoch)) for one in chosen)
    )
    scores = ScoreTable.from_manifest(search.val, log_odds).scored()
    return Found(choice, search.candidates[choice.candidate - 1], scores)


@dataclass(frozen=True)
class _Fold:
    """One candidate without one kind."""

    candidate: Candidate
    fold: KindFold
    folder: Path
    device: torch.device
    ranks: Ranks

    def figures(self, title: str, events: BuildEvents, *, resume: bool) -> FoldFigures:
        """Its AUC after each epoch: trained now, or read where it is finished."""
        history = self._finished() if resume else None
        if history is None:
            events.stage(f"Training {title} on {self.device}")
            history = self._train(title, events, resume=resume)
        else:
            events.stage(f"Trained before: {title}")
        self.ranks.meet()  # all have read what goes now, and what they look into is there
        if self.ranks.leads:
            shutil.rmtree(self.folder / CHECKPOINTS, ignore_errors=True)
        fakes = sum(row.is_fake for row in self.fold.judged)
        return FoldFigures(
            kind=self.fold.kind,
            reals=len(self.fold.judged) - fakes,
            fakes=fakes,
            auc=tuple(record.val_auc for record in history),
            caution=self.fold.caution,
        )

    def log_odds(self, epoch: int) -> NDArray[np.float64]:
        """Of the judged rows after an epoch. Raises :class:`TrainingError` where damaged."""
        file = self._scores(epoch)
        try:
            found = np.load(file, allow_pickle=False)
        except (OSError, EOFError, ValueError) as error:
            raise _damaged(file, error) from error
        if found.shape != (len(self.fold.judged),):
            raise _damaged(file, f"{found.shape} scores for {len(self.fold.judged)} images")
        return np.asarray(found, dtype=np.float64)

    def _finished(self) -> Sequence[EpochRecord] | None:
        """What it went through; None where it did not end."""
        file = self.folder / RECORD
        if not file.exists():
            return None
        try:
            record = json.loads(file.read_text(encoding="utf-8"))
            history = [EpochRecord.from_dict(epoch) for epoch in record["history"]]
            identity = record["identity"]
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise _damaged(file, error) from error
        require_same(identity, self._identity(), self.folder)
        return history

    def _train(self, title: str, events: BuildEvents, *, resume: bool) -> Sequence[EpochRecord]:
        recipe = self.candidate.recipe
        self.folder.mkdir(parents=True, exist_ok=True)
        prompts = prompt_table(recipe, self.fold.train)
        detector, _ = assembled(recipe, prompts)
        try:
            result = train_detector(
                recipe,
                detector,
                prompts,
                rows=self.fold.train,
                judged=self.fold.judged,
                run=self.folder / CHECKPOINTS,
                resume=resume,
                device=self.device,
                progress=events.training,
                scored=self._keep,
                ranks=self.ranks,
            )
        except TrainingError as error:
            raise TrainingError(f"{title}: {error}") from error
        if self.ranks.leads:
            self._write(result.history)
        return result.history

    def _write(self, history: Sequence[EpochRecord]) -> None:
        record = {
            "kind": self.fold.kind,
            "settings": dict(self.candidate.settings),
            "identity": self._identity(),
            "history": [asdict(epoch) for epoch in history],
        }
        write_text(self.folder / RECORD, json.dumps(record, indent=1))

    def _keep(self, epoch: int, log_odds: NDArray[np.float64]) -> None:
        with replace_file(self._scores(epoch)) as staged, staged.open("wb") as stream:
            np.save(stream, log_odds, allow_pickle=False)

    def _scores(self, epoch: int) -> Path:
        return self.folder / f"epoch-{epoch:04d}.npy"

    def _identity(self) -> dict[str, Any]:
        """What a finished fold must have been trained with to be used."""
        recipe = self.candidate.recipe
        assert recipe.training is not None
        precision = choose_precision(recipe.training.precision, self.device)
        prompts = prompt_table(recipe, self.fold.train)
        preprocessor = recipe.preprocessor()
        return flat(
            {
                **settings_fingerprint(recipe.training, precision),
                "training.epochs": recipe.training.epochs,
                **data_fingerprint(self.fold.train, self.fold.judged, prompts, preprocessor),
                **unchanged_tables(recipe),
                "weights": {base.place: base.sha256 for base in bases_of(recipe)},
            }
        )


def _damaged(file: Path, why: object) -> TrainingError:
    return TrainingError(f"{file} cannot be read ({why}); use --restart to train afresh")
