"""A detector that says where, for mfclip."""
