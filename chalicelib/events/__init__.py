"""Handlers of events that are not HTTP requests."""
