"""``/oauth_token.do``: a form only, one live token, and what an administrator may have forgotten."""

import httpx

from st_pipelines_tests.sandbox_servicenow.api import Api

FORM = {"grant_type": "client_credentials", "client_id": "sn-client", "client_secret": "sn-secret"}


def test_a_living_token_comes_again_with_the_seconds_it_has_left(api: Api) -> None:
    first = api.ask_token().json()
    assert (first["token_type"], first["scope"], first["expires_in"]) == ("Bearer", "useraccount", 1800)
    api.control("clock", {"advance": 1700})
    again = api.ask_token().json()
    assert (again["access_token"], again["expires_in"]) == (first["access_token"], 100)
    api.control("clock", {"advance": 100})
    fresh = api.ask_token().json()
    assert fresh["access_token"] != first["access_token"] and fresh["expires_in"] == 1800
    assert api.get("/api/now/table/sys_user").status_code == 401


def test_json_and_credentials_in_the_url_are_refused(api: Api) -> None:
    assert httpx.post(api.origin + "/oauth_token.do", json=FORM).status_code == 401
    answer = httpx.post(api.origin + "/oauth_token.do", params=FORM, headers={"Content-Type": "text/plain"})
    assert answer.status_code == 401
    answer = httpx.post(api.origin + "/oauth_token.do", params=FORM, data={"grant_type": "client_credentials"})
    assert answer.json()["error"] == "invalid_client"


def test_a_wrong_secret_and_another_grant(api: Api) -> None:
    refused = api.ask_token(client_secret="guess")
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    assert api.ask_token(grant_type="authorization_code").status_code == 400


def test_the_grant_type_property_is_off(api: Api) -> None:
    admin = api.user("admin")
    row = admin.one("sys_properties", "nameLIKEgrant_type.enabled")
    admin.change("sys_properties", row["sys_id"], value="false")
    assert api.ask_token().json() == {"error": "access_denied", "error_description": "access_denied"}


def test_a_token_may_die_early(api: Api) -> None:
    api.control("faults", {"action": "expire_token", "match": {"path": "/table/"}})
    refused = api.get("/api/now/table/sys_user")
    assert refused.status_code == 401 and refused.json()["status"] == "failure"
    before = api.headers["Authorization"]
    api.renew()
    assert api.headers["Authorization"] != before
    assert api.get("/api/now/table/sys_user").status_code == 200


def test_name_and_password_work_too_and_nothing_else_does(api: Api) -> None:
    assert api.user("ap.reader").get("/api/now/table/sn_shop_invoice").status_code == 200
    for header in ("", "Bearer x", "Basic eA==", "Basic !"):
        answer = httpx.get(api.origin + "/api/now/table/sys_user", headers={"Authorization": header})
        assert answer.status_code == 401 and "www-authenticate" in answer.headers
