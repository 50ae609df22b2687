"""``mfclip-build``: one recipe in, one bundle out."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mfclip.building.together import require_shareable
from mfclip.cli.interrupts import goes_on
from mfclip.cli.options import Device, Registry
from mfclip.cli.voice import Voice, one_voice
from mfclip.errors import UsageError
from mfclip.ranks.place import place_of_process
from mfclip.text import aligned

if TYPE_CHECKING:
    from mfclip.building.run import Built
    from mfclip.metrics.kinds_left_out import Choice
    from mfclip.plugins.discovery import Plugins
    from mfclip.recipe.model import Recipe


def build(
    recipe: Annotated[Path, typer.Option("--recipe", help="The recipe, a TOML file.")],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a key, e.g. training.epochs=3."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder of the bundle.  [default: runs/<recipe's name>]"),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an unfinished run, if there is one.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Discard an unfinished run and begin again.")
    ] = False,
    device: Device = "auto",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Assemble and check the data; train nothing.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail where any installed plugin is not sound.")
    ] = False,
    image_side_only: Annotated[
        bool,
        typer.Option("--image-side-only", help="Leave the text side out of the bundle."),
    ] = False,
    light: Annotated[
        bool,
        typer.Option("--light", help="Leave what pretrained weights give out of the bundle."),
    ] = False,
    registry: Registry = None,
) -> None:
    """Assemble a detector from a recipe, train it, evaluate it, and write one folder.

    The recipe is checked first, without loading torch: everything wrong with it is told at
    once, by file and line. A killed build goes on with --resume; an earlier bundle in the same
    place is replaced only when the new one is complete.
    """
    if resume and restart:
        raise typer.BadParameter("--resume and --restart exclude each other")
    place = place_of_process()
    with one_voice(place) as voice:
        read, plugins = _read(recipe, settings or [], registry, strict=strict)
        if light:
            _check_light(read)
        require_shareable(read, place)
        folder = out or Path("runs") / read.name
        asked = _Asked(read, plugins, folder, device, resume, restart)
        if not dry_run:
            asked.build(voice, text_side=not image_side_only, light=light)
        elif not place.rank:  # one process has all that there is to check
            asked.rehearse()


@dataclass(frozen=True)
class _Asked:
    """What the command line asks for."""

    recipe: Recipe
    plugins: Plugins
    folder: Path
    device: str
    resume: bool
    restart: bool

    def rehearse(self) -> None:
        """Everything that comes before the training."""
        from mfclip.building.run import rehearse
        from mfclip.cli.console import ConsoleEvents

        with ConsoleEvents() as events:
            search = rehearse(
                self.recipe,
                self.folder,
                plugins=self.plugins,
                events=events,
                device=self.device,
                resume=self.resume,
                restart=self.restart,
            )
        if search is not None:
            typer.echo(f"a build makes {search.told()}")
        typer.echo("dry run: recipe, data and parts fit together; nothing was trained")

    def build(self, voice: Voice, *, text_side: bool, light: bool) -> None:
        """The whole of it, with the other processes if there are any."""
        from mfclip.building.run import build
        from mfclip.cli.console import ConsoleEvents
        from mfclip.ranks.world import device_of, joined

        with (
            goes_on("the same command with --resume goes on from here"),
            joined(voice.place, device_of(self.device, voice.place)) as ranks,
            ConsoleEvents() as events,
        ):
            voice.ranks = ranks
            built = build(
                self.recipe,
                self.folder,
                plugins=self.plugins,
                events=events,
                device=self.device,
                resume=self.resume,
                restart=self.restart,
                text_side=text_side,
                light=light,
                ranks=ranks,
            )
        if ranks.leads:
            _tell(built)


def _read(
    path: Path, settings: list[str], registry: str | None, *, strict: bool
) -> tuple[Recipe, Plugins]:
    from mfclip.recipe.read import read_recipe
    from mfclip.recipe.registry import plugins_for, read_registry

    catalogue = read_registry(Path(registry) if registry else None)
    plugins = plugins_for(catalogue)
    if strict:
        plugins.require_all()
    for fault in (*plugins.broken, *plugins.remarks):
        typer.echo(f"warning: {fault}", err=True)
    recipe = read_recipe(path, overrides=settings, plugins=plugins, registry=catalogue)
    return recipe, plugins


def _check_light(recipe: Recipe) -> None:
    """Raise where no part but an input, which no bundle holds, starts from pretrained weights."""
    from mfclip.bundle.description import MADE_ANEW, named_weights

    if all(place.startswith(MADE_ANEW) for place, _ in named_weights(recipe)):
        raise UsageError(
            "--light leaves out what pretrained weights give, and no part of this recipe names any "
            "that would be in the bundle; leave the option out"
        )


def _tell(built: Built) -> None:
    """Where the bundle is, how good it is, and what to do with it."""
    typer.echo(f"bundle: {built.folder} ({built.seconds:.0f} s)")
    if built.size is not None and built.size.left_out:
        typer.echo(f"size:   {built.size}")
    typer.echo(f"report: {built.folder / 'report.html'}")
    if built.choice is not None:
        _tell_choice(built.choice)
    if built.measured is None:
        typer.echo("test:   none, the recipe has no [training]: this detector is untrained")
        return
    row, settings = built.measured.evaluation.overall, built.measured.evaluation.settings
    coverage = f"{100 * settings.confidence:g} % intervals in brackets"
    typer.echo(f"test:   {row.reals} real and {row.fakes} fake images, {coverage}")
    typer.echo(f"        ACC {row.accuracy} at the threshold fitted on validation")
    typer.echo(f"        AUC {row.roc_auc}")
    words = ("mfclip", "score", str(built.folder), str(built.example))
    typer.echo(f"next:   {shlex.join(words)}")


def _tell_choice(choice: Choice) -> None:
    """What was chosen by kinds left out, and the AUC of every candidate on every kind."""
    typer.echo(f"chosen: {choice}")
    typer.echo("        AUC on each kind, after the candidate's best epoch (* chosen):")
    kinds = [fold.kind for fold in choice.chosen.folds]
    rows = [["", "epoch", "mean", *kinds, "candidate" if len(choice.candidates) > 1 else ""]]
    for number, one in enumerate(choice.candidates, 1):
        aucs = [one.mean[one.best - 1], *(fold.auc[one.best - 1] for fold in one.folds)]
        mark = "*" if number == choice.candidate else ""
        rows.append([mark, str(one.best), *(f"{100 * auc:.1f}" for auc in aucs), str(one)])
    for cells in aligned(rows):
        typer.echo(f"        {'  '.join(cells)}".rstrip())
