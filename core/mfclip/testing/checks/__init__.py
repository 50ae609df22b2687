"""The checks, one module for each group of the catalogue."""
