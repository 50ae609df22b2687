"""Plugins: found, loaded one by one, checked, and explained where they are broken. No torch."""
