"""mfclip_data."""
