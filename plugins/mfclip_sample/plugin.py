"""The part that this plugin offers."""

from mfclip.hookspecs import hookimpl
from mfclip.parts import Dataset
from mfclip_sample.parts import SampleData


@hookimpl
def mfclip_datasets() -> list[type[Dataset]]:
    """The embedded sample set."""
    return [SampleData]
