"""Measures of a table of scores, with their uncertainty. numpy and scipy only."""
