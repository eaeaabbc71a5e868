"""The business behind the sandbox. Invariant: no system's wire format; the same seed gives the same month."""

from st_pipelines.sandbox.business.generate import generate
from st_pipelines.sandbox.business.model import Business, Options

__all__ = ["Business", "Options", "generate"]
