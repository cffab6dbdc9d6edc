"""HTTP over the connection that the test has opened."""
