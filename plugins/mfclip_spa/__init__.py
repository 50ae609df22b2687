"""mfclip_spa."""
