"""The PostgreSQL craft: clients, connections, dumping and reading archives."""
