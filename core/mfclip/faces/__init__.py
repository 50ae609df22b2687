"""Faces in pictures: what a locator finds, and crops of it that are the same everywhere."""
