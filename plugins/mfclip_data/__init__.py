"""Readers of data sets: a manifest, folders by class, the embedded sample set."""
