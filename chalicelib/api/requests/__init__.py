"""What callers may send: bodies and queries, one module per resource."""
