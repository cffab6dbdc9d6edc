"""What Prometheus is told: by each API process of itself, and by any of them of all workers."""
