"""The command: one test or many, the service, and what its operator needs."""
