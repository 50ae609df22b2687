"""Scores as rows of a table: what ``mfclip score`` writes, in every format."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mfclip.inference.score import FaceScore, Score

COLUMNS = ("path", "p_fake", "verdict", "threshold", "operating_point", "status", "reason")

FACE_COLUMNS = (
    *COLUMNS,
    *("face", "faces", "left", "top", "right", "bottom", "face_score"),
    *("picture_p_fake", "picture_verdict"),
)
"""Where faces are looked for: a row is a face. The last two columns are of the whole picture."""

Row = dict[str, str | float | None]


def rows_of(score: Score) -> Iterator[Row]:
    """The row of an image; with faces one for each of them, and one for a picture without any."""
    own: Row = {
        "path": str(score.path),
        "p_fake": _rounded(score.p_fake),
        "verdict": score.verdict,
        "threshold": round(score.threshold, 6),
        "operating_point": score.operating_point,
        "status": str(score.status),
        "reason": score.reason or None,
    }
    if score.faces is None:
        yield own
        return
    own |= dict.fromkeys(FACE_COLUMNS[len(COLUMNS) :])
    own |= {"picture_p_fake": own["p_fake"], "picture_verdict": own["verdict"]}
    if not score.faces:
        yield own | {"faces": 0}
    for face in score.faces:
        yield own | {"faces": len(score.faces)} | _of_face(face)


def _of_face(one: FaceScore) -> Row:
    box = dict(zip(("left", "top", "right", "bottom"), one.face.box, strict=True))
    return {
        "p_fake": _rounded(one.p_fake),
        "verdict": one.verdict,
        "status": str(one.status),
        "reason": one.reason or None,
        "face": one.number,
        **{side: round(value, 1) for side, value in box.items()},
        "face_score": round(one.face.score, 4),
    }


def _rounded(p_fake: float | None) -> float | None:
    return None if p_fake is None else round(p_fake, 6)
