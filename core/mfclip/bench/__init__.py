"""The laboratory: protocols of a data set as grids of trainings, and their tables."""
