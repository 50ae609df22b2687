"""mfclip_vision."""
