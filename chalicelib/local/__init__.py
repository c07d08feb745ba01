"""Holdfast on one machine: the web server, the loops, and a PostgreSQL to try things on."""
