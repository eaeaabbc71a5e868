"""The encrypted vault of connections, its keys, and the token cache that all processes share."""
