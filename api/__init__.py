"""The front door: HTTP routes, sign-in, and the synchronous facade."""
