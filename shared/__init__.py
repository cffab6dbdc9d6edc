"""What the front doors and the engine both speak."""
