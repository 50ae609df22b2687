"""The detector: its outputs, its assembly from parts, and the bundle that keeps it."""
