"""Canonical, ERP-neutral documents and money. Invariant: no I/O, no floats, standard library and msgspec only."""
