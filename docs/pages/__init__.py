"""One module a reference page, and what they share."""
