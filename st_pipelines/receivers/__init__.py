"""The server that takes webhooks. It stores what is signed and does nothing else: no call to a system, no run (W6)."""
