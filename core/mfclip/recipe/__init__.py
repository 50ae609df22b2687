"""Recipes: read, explain errors by line, fill in defaults, JSON Schema. No torch."""
