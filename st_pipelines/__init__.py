"""st_pipelines: moves documents between business systems once, to the right account, and proves it."""

__version__ = "0.1.0"

import os

# Arrow's own allocator keeps what it once held: 20 MiB for a Parquet writer that needs less than one. The C library's
# gives it back. Read by Arrow when it is first imported.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
