"""The front door: the HTTP calls, who may make them, and the web page."""
