"""Comparing the jobs of several sites: what differs, what that proves, and what it does not."""
