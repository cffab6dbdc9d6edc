"""The checks of `conncheck doctor`."""
