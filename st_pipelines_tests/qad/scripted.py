"""A QAD that says exactly what a test tells it to, over real HTTP on loopback."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from st_pipelines.sandbox.server import serving
from st_pipelines.systems.http.auth import StaticHeaders
from st_pipelines.systems.http.client import HttpClient
from st_pipelines.systems.http.deadline import Timeouts
from st_pipelines.systems.qad.client import QadClient
from st_pipelines.systems.qad.profile import Profile

Answer = Callable[[Request, bytes], Response | dict[str, Any]]


@dataclass
class Script:
    """``answer`` is called for each request; ``seen`` holds method, path, query pairs, workspace header and body."""

    answer: Answer
    seen: list[tuple[str, str, list[tuple[str, str]], str, bytes]] = field(default_factory=list)
    client: QadClient | None = None

    @property
    def qad(self) -> QadClient:
        assert self.client is not None
        return self.client


def said(content: Any, status: int = 200, media_type: str = "application/json") -> Response:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Response(body, status, media_type=media_type)


@contextmanager
def scripted(profile: Profile, answer: Answer, companies: tuple[str, ...] = ("10USA_10USACO",)) -> Iterator[Script]:
    script = Script(answer)

    async def handle(request: Request) -> Response:
        body = await request.body()
        script.seen.append((request.method, request.url.path, request.query_params.multi_items(),
                            request.headers.get("x-qad-workspace-id", ""), body))  # fmt: skip
        made = script.answer(request, body)
        return made if isinstance(made, Response) else said(made)

    app = Starlette(routes=[Route("/{path:path}", handle, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])])
    with serving(app) as origin:
        http = HttpClient("demo_qad", f"{origin}/clouderp/demo", StaticHeaders(), timeouts=Timeouts(2, 5, 5, 5, 10))
        script.client = QadClient(http, profile, companies)
        yield script
        http.close()
