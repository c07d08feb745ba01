"""Adapters for one machine: SQLite, a directory, processes, key files."""
