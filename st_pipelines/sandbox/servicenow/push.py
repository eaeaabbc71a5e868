"""A Business Rule of the tenant's own that tells a receiver of each approved invoice. Invariant: sent after the change
and at most once, as an asynchronous rule does: what is not taken is lost, and nothing here depends on it.

Off without ``push_url``. The body is signed as ``GlideCertificateEncryption.generateMac`` does it: HMAC-SHA256, base64.
"""

import asyncio
import base64
import hashlib
import hmac
from typing import Any

import httpx
import msgspec

from st_pipelines.sandbox.servicenow.outbound import state
from st_pipelines.sandbox.servicenow.rows import Rows
from st_pipelines.sandbox.servicenow.settings import CurrentSettings

Record = dict[str, Any]
TABLE = "sn_shop_invoice"
_TIMEOUT_S = 10.0


class Push:
    """``sent``: what was told, with the receiver's answer, newest last."""

    def __init__(self, rows: Rows, settings: CurrentSettings) -> None:
        self._settings, self._tasks = settings, set[asyncio.Task[None]]()
        self.sent: list[dict[str, str]] = []
        rows.rules.setdefault(TABLE, []).append(self._changed)

    async def settled(self) -> None:
        """Returns when everything is on its way or done."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _changed(self, table: str, row: Record, before: Record | None) -> None:
        approved = state("Approved")
        if not self._settings.now.push_url or row["state"] != approved:
            return
        if before is not None and before["state"] == approved:
            return
        task = asyncio.get_running_loop().create_task(self._tell(row))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(self, row: Record) -> None:
        now = self._settings.now
        told = {"id": f"{row['sys_id']}-{row['sys_mod_count']}", "event": "invoice.approved", "table": TABLE,
                "sys_id": row["sys_id"]}  # fmt: skip
        body = msgspec.json.encode(told)
        digest = hmac.new(now.push_secret.encode(), body, hashlib.sha256).digest()
        headers = {"content-type": "application/json", now.push_header: base64.b64encode(digest).decode()}
        try:
            async with httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=_TIMEOUT_S) as client:
                answer = str((await client.post(now.push_url, content=body, headers=headers)).status_code)
        except httpx.HTTPError as error:
            answer = type(error).__name__
        self.sent.append({"sys_id": row["sys_id"], "answer": answer})
