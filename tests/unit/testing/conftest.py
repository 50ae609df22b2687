"""How the tests of the conformance suite run one check of a sound and of a broken part."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from mfclip.testing import ConformanceError, part_checks

Catch = Callable[..., None]


def _run(part: Any, name: str) -> None:
    (check,) = (check for check in part_checks(part) if check.name == name)
    check()


@pytest.fixture
def caught() -> Catch:
    """``caught(name, broken, message, sound)``: the check refuses one part and not the other."""

    def run(name: str, broken: Any, message: str, sound: Any) -> None:
        _run(sound, name)
        with pytest.raises(ConformanceError) as error:
            _run(broken, name)
        ((failed, text),) = error.value.failures
        assert failed == name
        assert re.search(message, text), text

    return run
