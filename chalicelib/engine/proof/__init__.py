"""Prove a dump: restore it into a server of our own and compare the copy with what is known."""
