"""mfclip_clip."""
