"""Fixtures of this room: clients on hostile servers, a database with its tables."""

from typing import Any

import pytest
from sqlalchemy import Engine

from st_pipelines.credentials.secret import Secret
from st_pipelines.systems.http.auth import StaticHeaders
from st_pipelines.systems.http.client import HttpClient
from st_pipelines_tests.http.hostile import Hostile

APP_KEY = "ak1.very-secret-app-key"


@pytest.fixture
def tables(engine: Engine) -> Engine:
    return engine


def client_for(server: Hostile, **options: Any) -> HttpClient:
    options.setdefault(
        "auth", StaticHeaders({"ST-App-Key": Secret(APP_KEY), "Authorization": Secret("Bearer t0ken-abcdef")})
    )
    return HttpClient("acme", options.pop("url", server.url), **options)
