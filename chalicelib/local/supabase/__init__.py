"""A stand-in for a hosted Supabase project, on this machine: for tests and for the demo."""
