"""Holdfast: PostgreSQL and Supabase backups that are proven by reading them back."""

__version__ = "0.1.0"
