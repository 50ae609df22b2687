"""The bundle: the folder that a build writes and :func:`mfclip.load` reads."""
