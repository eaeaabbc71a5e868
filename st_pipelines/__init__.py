"""st_pipelines: moves documents between business systems once, to the right account, and proves it."""

__version__ = "0.1.0"
