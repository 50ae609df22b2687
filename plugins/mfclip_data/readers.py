"""The published face-forgery data sets as parts of a recipe."""

from __future__ import annotations

import re
from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, field_validator

from mfclip.parts import BuildContext, Dataset
from mfclip.recipe.settings import Settings

if TYPE_CHECKING:
    from mfclip.data.labels import HierarchicalLabel
    from mfclip.data.manifest import Manifest
    from mfclip_data.faults import Faults
    from mfclip_data.footage import Video

FfppMethod = Literal[
    "Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures", "FaceShifter", "DeepFakeDetection"
]
DeeperVariant = Literal[
    "end_to_end",
    "end_to_end_level_1",
    "end_to_end_level_2",
    "end_to_end_level_3",
    "end_to_end_level_4",
    "end_to_end_level_5",
    "end_to_end_mix_2_distortions",
    "end_to_end_mix_3_distortions",
    "end_to_end_mix_4_distortions",
    "end_to_end_random_level",
    "reenact_postprocess",
]


class VideoData(Dataset):
    """Base of data sets of videos: frames that lie extracted, or that an import extracts."""

    paper: ClassVar[str] = "IV-A"

    root: Path
    """Folder of the data set."""
    frames: int = Field(default=32, ge=1)
    """Frames of each video at most, evenly spaced over all of it."""
    cache: Path | None = None
    """Where an import puts the frames of video files. Without it: the cache of mfclip."""
    incomplete: Literal["stop", "warn"] = "stop"
    """What missing folders, missing videos and empty ones do: end the reading, or only warn."""

    @abstractmethod
    def group(self) -> str:
        """Name of the rows' group: data set and compression."""

    @abstractmethod
    def videos(self, faults: Faults) -> list[Video]:
        """The videos on disk, with what the data set says of them."""

    def build(self, context: BuildContext) -> Manifest:
        """List the frames. Raises :class:`DataError` with everything that is missing."""
        from mfclip_data.listing import Taking, draw_validation, list_videos

        faults = self._faults()
        taking = Taking(self.root, self.group(), self.frames, self._cache())
        manifest = list_videos(self.videos(faults), taking, faults)
        return draw_validation(manifest, self.split, self.split_seed)

    def prepare(self, context: BuildContext) -> None:
        """Extract the frames of video files, once. What is missing is told before."""
        from mfclip_data.extract import extract_videos

        faults = self._faults()
        videos = self.videos(faults)
        faults.settle()
        masks = [video.masks for video in videos if video.masks is not None]
        extract_videos([*videos, *masks], self._cache(), self.frames, context.progress)

    def _faults(self) -> Faults:
        from mfclip_data.faults import Faults, require_folder

        require_folder(self.root, f"the folder of {self.use}")
        return Faults(self.root, self.incomplete)

    def _cache(self) -> Path:
        from mfclip_data.extract import default_cache

        return self.cache or default_cache()


class Ffpp(VideoData):
    """FaceForensics++: real videos of YouTube and the fakes that each method made of them.

    The official split is read from ``train.json``, ``val.json`` and ``test.json`` in the root or
    in ``splits/``; without them it is drawn, and whoever was swapped with whom stays together.
    """

    use: Literal["ffpp"] = "ffpp"
    """Name of the part."""
    compression: Literal["c23", "c40", "raw"] = "c23"
    """Which copies of the videos: lightly or strongly compressed, or not."""
    methods: tuple[FfppMethod, ...] = Field(
        default=("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures"), min_length=1
    )
    """Manipulations to read. ``DeepFakeDetection`` brings its own real videos, of actors."""

    def group(self) -> str:
        """``ffpp-c23``."""
        return f"ffpp-{self.compression}"

    def videos(self, faults: Faults) -> list[Video]:
        """Real ones and those of each method."""
        from mfclip_data.ffpp import Selection, read_ffpp

        return read_ffpp(self.root, Selection(self.compression, self.methods), faults)


class CelebDf(VideoData):
    """Celeb-DF, version 1 or 2: by default its official test set.

    Its people are swapped with each other so often that nearly all of them are linked. With
    ``rest = "train"`` the same people are in the training and the test split, as the official
    list has it, and the data check says so.
    """

    use: Literal["celeb-df"] = "celeb-df"
    """Name of the part."""
    version: Literal["v1", "v2"] = "v2"
    """Names the group; the layout is the same."""
    rest: Literal["leave-out", "train"] = "leave-out"
    """Videos that the official test list does not name: not read, or the training split."""
    together: Literal["people", "videos"] = "people"
    """What an identity is: all people linked by swaps, or one real video and its fakes."""

    def group(self) -> str:
        """``celeb-df-v2``."""
        return f"celeb-df-{self.version}"

    def videos(self, faults: Faults) -> list[Video]:
        """Those of the list, and the rest where wanted."""
        from mfclip_data.celebdf import Choice, read_celeb_df

        return read_celeb_df(self.root, Choice(self.version, self.rest, self.together), faults)


class Dfdc(VideoData):
    """The Deepfake Detection Challenge: its training parts and its official test set.

    An identity is a real video with the fakes made from it: the data do not name people, and
    one person may be in several videos.
    """

    use: Literal["dfdc"] = "dfdc"
    """Name of the part."""

    def group(self) -> str:
        """``dfdc``."""
        return "dfdc"

    def videos(self, faults: Faults) -> list[Video]:
        """Of all parts, and of test."""
        from mfclip_data.dfdc import read_dfdc

        return read_dfdc(self.root, faults)


class DeeperForensics(VideoData):
    """DeeperForensics-1.0: faces of actors on targets of FaceForensics++, its real class."""

    use: Literal["deeperforensics"] = "deeperforensics"
    """Name of the part."""
    targets: Path
    """FaceForensics++ at c23, or a folder with the target videos or their frames."""
    variants: tuple[DeeperVariant, ...] = Field(default=("end_to_end",), min_length=1)
    """Folders of manipulated videos. All but the first and the last are perturbed."""

    def group(self) -> str:
        """``deeperforensics-1.0``."""
        return "deeperforensics-1.0"

    def videos(self, faults: Faults) -> list[Video]:
        """Fakes and their targets."""
        from mfclip_data.deeperforensics import read_deeperforensics
        from mfclip_data.faults import require_folder

        require_folder(self.targets, "the targets: FaceForensics++, or its folder youtube/c23")
        return read_deeperforensics(self.root, self.targets, self.variants, faults)


class GenFaceGenerator(Settings):
    """What one generator makes, and where."""

    folders: tuple[str, ...] = ()
    """Names of its folders. Without them: the generator's name."""
    forgery: str = ""
    """Level 2: ``EFS``, ``AM`` or ``FS``."""
    family: str = ""
    """Level 3: ``diffusion`` or ``GAN``."""


class GenFace(Dataset):
    """GenFace: images with labels of all four levels, by names of folders at any depth.

    The generators of the paper's tables are known. Case and punctuation of folders do not count;
    folders called train, val or test name splits.
    """

    paper: ClassVar[str] = "IV-A"

    use: Literal["genface"] = "genface"
    """Name of the part."""
    root: Path
    """Folder of the data set."""
    real: tuple[str, ...] = Field(default=("real",), min_length=1)
    """Names of folders of real images."""
    generators: dict[str, GenFaceGenerator] = Field(default={})
    """More generators, by name, or other folders for known ones."""
    ignore: tuple[str, ...] = ()
    """Names of folders to leave out."""
    identity: str = ""
    """A regular expression; its first group, found in a path below ``root``, is the identity."""
    incomplete: Literal["stop", "warn"] = "stop"
    """What folders of no known generator do: end the reading, or only warn."""

    @field_validator("identity")
    @classmethod
    def _has_a_group(cls, value: str) -> str:
        try:
            groups = re.compile(value).groups
        except re.error as error:
            raise ValueError(f"is no regular expression: {error}") from error
        if value and not groups:
            raise ValueError(f"must have a group in round brackets, got {value!r}")
        return value

    def build(self, context: BuildContext) -> Manifest:
        """List the images. Raises :class:`DataError` with every folder that has no label."""
        from mfclip_data.faults import Faults, require_folder
        from mfclip_data.genface import Layout, read_genface

        root = require_folder(self.root, "the folder of genface")
        layout = Layout(self._labels(), self.ignore, self.identity)
        return read_genface(root, layout, Faults(root, self.incomplete))

    def _labels(self) -> dict[str, HierarchicalLabel]:
        """The label of each folder that has one."""
        from mfclip.data.labels import HierarchicalLabel
        from mfclip_data.genface import GENERATORS, plain

        table = {
            name: GenFaceGenerator(forgery=forgery, family=family)
            for name, (forgery, family) in GENERATORS.items()
        }
        for name, own in self.generators.items():
            known = table.get(name, GenFaceGenerator())
            table[name] = known.model_copy(update=own.model_dump(exclude_unset=True))
        labels = {plain(name): HierarchicalLabel("real") for name in self.real}
        for name, one in table.items():
            label = HierarchicalLabel("fake", one.forgery, one.family, name)
            labels |= {plain(folder): label for folder in one.folders or (name,)}
        return labels
