"""What callers see: explicit models, so that a new field of a record is not published by chance."""
