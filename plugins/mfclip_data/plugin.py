"""Parts that this plugin offers."""

from mfclip.hookspecs import hookimpl
from mfclip.parts import Dataset
from mfclip_data.parts import FolderData, ManifestData
from mfclip_data.readers import CelebDf, DeeperForensics, Dfdc, Ffpp, GenFace


@hookimpl
def mfclip_datasets() -> list[type[Dataset]]:
    """A manifest file, folders by class, and readers of published data sets."""
    return [
        *(ManifestData, FolderData),
        *(GenFace, Ffpp, CelebDf, Dfdc, DeeperForensics),
    ]
