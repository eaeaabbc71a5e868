"""The one Dagster resource: opens integrations. Invariant: it holds names and paths only, never a secret (K5)."""

from typing import Any

import dagster as dg
from pydantic import PrivateAttr

from st_pipelines.integrations.registry import load_integrations
from st_pipelines.settings import Settings


class Sessions(dg.ConfigurableResource):
    """Sessions by integration name, opened on first use, closed when the run ends."""

    _open: dict[str, Any] = PrivateAttr(default_factory=dict)

    def session(self, name: str) -> Any:
        """The ``integrations.session.Session`` of an integration. Imported late: definitions must load fast."""
        from st_pipelines.integrations.session import Session

        if name not in self._open:
            settings = Settings()
            integration = next(each for each in load_integrations(settings.mappings) if each.name == name)
            self._open[name] = Session(integration, settings)
        return self._open[name]

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        for session in self._open.values():
            session.close()
        self._open.clear()
