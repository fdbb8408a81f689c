"""The HTTP API over a real server, a real socket and a real PostgreSQL."""
