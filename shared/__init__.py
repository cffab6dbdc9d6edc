"""Code that the API, the command line and the worker share."""
