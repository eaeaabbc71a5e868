"""Where the code of an asset is, for «show me the code» in the catalogue. Invariant: it points to the factory, which is
what a reader must change; it works without any network.
"""

import warnings
from collections.abc import Sequence

import dagster as dg

warnings.filterwarnings("ignore", message=r".*(source_code_references|CodeReference).*", category=dg.BetaWarning)


def with_code(assets: Sequence[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """The same assets, each with file and line."""
    made = dg.with_source_code_references(assets)
    return [each for each in made if isinstance(each, dg.AssetsDefinition)]
