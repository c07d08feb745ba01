"""Retention: which backups stay, by rules that are pure and give their reasons."""
