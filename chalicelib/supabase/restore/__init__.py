"""Bring a backup back into a Supabase project."""
