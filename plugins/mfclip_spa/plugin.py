"""Parts that this plugin offers."""

from mfclip.hookspecs import hookimpl
