"""The outside systems, one folder each, over one HTTP kernel. A system never imports another system."""
