"""SPA attached to CLIP code that exists: transformers, open_clip, or a logit scale of one's own."""
