"""Restore dumps: look at the target, decide, let pg_restore or psql work, compare."""
