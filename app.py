"""The Chalice application; importing it reads no environment and makes no client."""
