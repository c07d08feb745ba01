"""Holdfast: PostgreSQL and Supabase backups that are proven by reading them back."""
