"""The options of ``mfclip bench``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

PROTOCOLS = "within|cross-forgery|cross-generator|cross-dataset|leave-one-out|robustness"

Recipes = Annotated[
    list[Path] | None,
    typer.Option("--recipe", help="A recipe: a detector of the tables. Repeatable."),
]
ProtocolName = Annotated[
    str | None, typer.Option("--protocol", metavar=PROTOCOLS, help="What to train and test.")
]
Seeds = Annotated[str, typer.Option("--seeds", help="Trainings of each, such as 0,1,2.")]
Out = Annotated[
    Path | None, typer.Option("--out", help="Folder of everything.  [default: runs/bench]")
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key of every recipe."),
]
Detectors = Annotated[
    list[str] | None,
    typer.Option(
        "--detector",
        metavar="NAME=ASSEMBLY",
        help="With one recipe: it with this assembly instead, 'NAME=ASSEMBLY KEY=VALUE'; or all.",
    ),
]
Systems = Annotated[
    list[str] | None,
    typer.Option(
        "--systems", metavar="SET", help="A set of assemblies in the registry, e.g. paper."
    ),
]
Small = Annotated[
    bool, typer.Option("--small", help="Of --systems and all: the small variant where there is.")
]
Variants = Annotated[
    Path | None,
    typer.Option("--variants", metavar="FILE", help="An ablation; recipes replace its bases."),
]
Only = Annotated[
    list[str] | None, typer.Option("--only", help="A variant of the ablation. Repeatable.")
]
Reals = Annotated[
    str, typer.Option("--reals", metavar="same-group|all", help="Reals that go with fakes.")
]
Inside = Annotated[
    str,
    typer.Option(
        "--inside",
        metavar="COLUMNS",
        help="cross-generator stays inside: forgery, family, both with a comma, or nothing.",
    ),
]
Leave = Annotated[
    str,
    typer.Option(
        "--leave",
        metavar="forgery|family|generator|group",
        help="leave-one-out: each value of this column is left out once.",
    ),
]
Among = Annotated[
    list[str] | None,
    typer.Option(
        "--among",
        metavar="COLUMN=VALUE",
        help="Only fakes with this forgery, family, generator or group take part. Repeatable.",
    ),
]
Train = Annotated[
    list[str] | None, typer.Option("--train", help="Train on this set only. Repeatable.")
]
Corruptions = Annotated[
    list[str] | None,
    typer.Option("--corruption", help="robustness: a corruption.  [default: the seven]"),
]
Levels = Annotated[str, typer.Option("--levels", help="robustness: levels of each corruption.")]
Size = Annotated[
    int | None,
    typer.Option(
        "--size", min=1, help="robustness: corrupt at so many pixels.  [default: as they are]"
    ),
]
Plan = Annotated[bool, typer.Option("--plan", help="List what would be done; do nothing.")]
Restart = Annotated[
    bool, typer.Option("--restart", help="Discard cells that were begun with something else.")
]
ImageSideOnly = Annotated[
    bool, typer.Option("--image-side-only", help="Leave the text side out of bundles.")
]
Light = Annotated[
    bool,
    typer.Option("--light", help="Leave what pretrained weights give out of bundles."),
]
Verify = Annotated[
    Path | None,
    typer.Option(
        "--verify", metavar="DIR", help="Evaluate the bundles of a benchmark again; compare."
    ),
]
Root = Annotated[
    Path | None, typer.Option("--root", help="With --verify: where the images are now.")
]
Tolerance = Annotated[float, typer.Option("--tolerance", min=0, help="With --verify: of log-odds.")]
Workers = Annotated[
    int,
    typer.Option(
        "--workers", min=1, help="Processes that train cells at the same time; on GPUs in turn."
    ),
]
Helping = Annotated[bool, typer.Option("--as-helper", hidden=True)]
