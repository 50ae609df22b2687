"""mfclip_losses."""
