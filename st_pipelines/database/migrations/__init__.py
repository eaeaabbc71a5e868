"""Schema changes in order, run by ``database.migrate`` in one transaction. Invariant: a released file never changes."""
