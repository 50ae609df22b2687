"""From a checked recipe to a bundle: data check, assembly, training, evaluation, report."""
