"""Parts that this plugin offers."""

from mfclip.hookspecs import hookimpl
from mfclip.parts import Dataset, Input
from mfclip_data.inputs import Counterpart, ForgeryMask, HasCounterpart, ImageColumn
from mfclip_data.parts import FolderData, ManifestData
from mfclip_data.readers import CelebDf, DeeperForensics, Dfdc, Ffpp, GenFace


@hookimpl
def mfclip_datasets() -> list[type[Dataset]]:
    """A manifest file, folders by class, and readers of published data sets."""
    return [
        *(ManifestData, FolderData),
        *(GenFace, Ffpp, CelebDf, Dfdc, DeeperForensics),
    ]


@hookimpl
def mfclip_inputs() -> list[type[Input]]:
    """Pictures named in a column of the manifest; the photos of fakes, and what differs there."""
    return [ImageColumn, Counterpart, HasCounterpart, ForgeryMask]
