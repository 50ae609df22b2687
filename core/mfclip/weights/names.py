"""Names of pretrained weights that are kept on this machine."""

from __future__ import annotations

import re
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

PATTERN = r"^[a-z0-9]+(-[a-z0-9]+)*$"
"""Lower-case words and digits with dashes: no path and no file looks like that."""


class WeightName(str):
    """A name of ``mfclip weights list``, such as ``clip-vit-b16``."""

    @classmethod
    def takes(cls, text: str) -> bool:
        """Whether a text is such a name, and not a path."""
        return re.match(PATTERN, text) is not None

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Text of that pattern."""
        return core_schema.no_info_after_validator_function(
            cls, core_schema.str_schema(pattern=PATTERN)
        )
