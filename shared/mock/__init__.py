"""Sample answers, for developers who use the API."""
