"""NPR (Tan et al., CVPR 2024) as a detector for mfclip."""

from pathlib import Path

REGISTRY = Path(__file__).with_name("registry.toml")
"""The assemblies of this package, for ``--registry``."""
