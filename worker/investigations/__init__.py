"""Investigations of failed steps.

The investigation of a step has the name of the step; not every step has one. `investigator` runs
them, and `hang_up` is a part of http_response's.
"""
