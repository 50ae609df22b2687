"""Writing a new plugin package: names, templates, files. No torch."""
