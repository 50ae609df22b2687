"""What detectors look at: patches and their noise, heat maps, similarities, embeddings."""
