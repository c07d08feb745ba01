"""The pages: made on the server, readable without scripts, live where a script helps."""
