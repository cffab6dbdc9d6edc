"""Read uploads in JSON: one document, or a line for each platform."""
