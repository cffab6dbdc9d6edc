"""What `conncheck compare` uses."""
