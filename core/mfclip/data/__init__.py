"""From files to batches: manifests, images, prompts, the data check, the loader."""
