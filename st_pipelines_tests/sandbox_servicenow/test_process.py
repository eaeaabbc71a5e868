"""The sandbox as a process beside QAD: rows and the living token outlast a kill."""

from pathlib import Path

from st_pipelines.sandbox.server import running_sandbox
from st_pipelines_tests.sandbox_servicenow.api import Api
from st_pipelines_tests.sandbox_servicenow.procurement import load_masters, load_order


def test_rows_and_token_outlast_a_kill(tmp_path: Path) -> None:
    with running_sandbox(tmp_path, systems=("qad", "servicenow"), settings={"procurement": "yes"}) as first:
        assert set(first.addresses) == {"qad", "servicenow"}
        api = Api(first["servicenow"])
        load_masters(api)
        load_order(api)
        before = api.rows("sn_shop_purchase_order_line", "ORDERBYsys_id")
        first.kill()
    with running_sandbox(tmp_path, systems=("servicenow",), settings={"without_scopes": "sn_ap_apm"}) as second:
        again = Api(second["servicenow"])
        assert again.headers["Authorization"] == api.headers["Authorization"]
        assert again.rows("sn_shop_purchase_order_line", "ORDERBYsys_id") == before and len(before) == 2
