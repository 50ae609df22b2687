"""``mfclip serve``: detectors behind HTTP, and the page for people."""
