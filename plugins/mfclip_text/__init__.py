"""mfclip_text."""
