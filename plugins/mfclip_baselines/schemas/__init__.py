"""What a recipe may set of each system. Nothing here imports torch."""
