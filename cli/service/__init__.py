"""Run the service: `conncheck up` and its parts."""
