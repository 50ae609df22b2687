"""The report's figures, one module each."""
