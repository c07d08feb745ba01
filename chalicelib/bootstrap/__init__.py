"""Plug the parts together: settings, adapters, services. Every part can be replaced.

Nothing is made before it is asked for, so that the API never loads the engine and a command line
that only lists never opens the object store.
"""
