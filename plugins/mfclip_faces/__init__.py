"""Locators: where the faces are. One network a file."""
