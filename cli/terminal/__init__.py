"""Terminal output, and the exit status."""
