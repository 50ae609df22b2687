"""Parts that this plugin offers."""

from mfclip.hookspecs import hookimpl
from mfclip.parts import Dataset
from mfclip_data.parts import FolderData, ManifestData, SampleData


@hookimpl
def mfclip_datasets() -> list[type[Dataset]]:
    """A manifest file, folders by class, and the embedded sample set."""
    return [ManifestData, FolderData, SampleData]
