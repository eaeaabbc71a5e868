"""Raw pages and typed tables on a folder or any fsspec URL. Invariant: a reader sees a whole partition or nothing."""
