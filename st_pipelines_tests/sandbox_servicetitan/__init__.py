"""Behaviour of the ServiceTitan sandbox and of the business in it."""
