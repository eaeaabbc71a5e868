"""Benchmarks, run by ``make bench``: one module a bar, each with ``run() -> list[dict]``. Nothing here is a test."""
