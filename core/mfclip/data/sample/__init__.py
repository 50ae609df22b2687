"""The embedded sample set: drawn faces, and drawn forgeries of them. All of it is synthetic.

It is made from a seed on first use, without a download, so that everything can be tried and
tested. It says nothing about how a detector does on real forgeries.
"""

from mfclip.data.sample.make import make_sample
from mfclip.data.sample.place import sample_folder
from mfclip.data.sample.plan import GENERATORS

__all__ = ["GENERATORS", "make_sample", "sample_folder"]
