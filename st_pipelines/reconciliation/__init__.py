"""Proves that the books agree: control totals of source, ledger and target, and a cause for every variance."""
