"""The Supabase craft: what of a hosted project can be saved, and how it comes back."""
