"""Logs as JSON Lines. Nothing of an image is in them: no pixels, no file names, no tokens."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

from mfclip.errors import in_one_line

NAME = "mfclip.serving"
"""Of the logger."""


class JsonLines(logging.Formatter):
    """One JSON object a record; what is given as ``extra={"told": {...}}`` becomes its keys."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "told", {}),
        }
        if record.exc_info and record.exc_info[1]:
            line["error"] = in_one_line(record.exc_info[1])
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


CONFIG: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"lines": {"()": f"{__name__}.JsonLines"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
    "loggers": {
        name: {"handlers": ["stderr"], "level": "INFO", "propagate": False}
        for name in (NAME, "uvicorn.error")
    },
}
"""For :func:`logging.config.dictConfig`: everything goes to the standard error stream."""
