"""Sessions: grants, refresh, absolute and idle expiry, Basic for the client id only, context root."""

import httpx
import pytest

from st_pipelines_tests.sandbox.qad_client import BASE, Qad

FORM = {"grant_type": "password", "client_id": "qad-client", "username": "api.user", "password": "api.password"}


def alive(qad: Qad) -> int:
    return qad.get("/api/webshell/workspaces").status_code


def token(qad: Qad, **form: str) -> httpx.Response:
    return qad.http.post(f"{BASE}/oauth/token", data=form)


def test_a_password_grant_gives_both_tokens(qad: Qad) -> None:
    answer = token(qad, **FORM).json()
    assert set(answer) == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 1800)


def test_parameters_may_come_in_the_query(qad: Qad) -> None:
    assert qad.http.post(f"{BASE}/oauth/token", params=FORM).status_code == 200


@pytest.mark.parametrize("wrong", [{"password": "x"}, {"username": "x"}, {"client_id": "x"}])
def test_wrong_credentials_are_401_with_an_oauth_error(qad: Qad, wrong: dict[str, str]) -> None:
    answer = token(qad, **{**FORM, **wrong})
    assert answer.status_code == 401
    assert answer.json()["error"] in ("invalid_grant", "invalid_client") and answer.json()["error_description"]


def test_other_grants_are_refused(qad: Qad) -> None:
    assert token(qad, grant_type="client_credentials", client_id="qad-client").status_code == 400


def test_a_refresh_token_works_once(qad: Qad) -> None:
    first = token(qad, **FORM).json()["refresh_token"]
    again = {"grant_type": "refresh_token", "client_id": "qad-client", "refresh_token": first}
    qad.token = token(qad, **again).json()["access_token"]
    assert alive(qad) == 200
    assert token(qad, **again).status_code == 401


def test_a_token_dies_of_age_though_it_is_used(qad: Qad) -> None:
    statuses = []
    for _ in range(4):
        qad.http.post("/_sandbox/clock", json={"advance": 600})
        statuses.append(alive(qad))
    assert statuses == [200, 200, 401, 401]
    assert alive(qad.login()) == 200


def test_a_token_dies_of_rest(qad: Qad) -> None:
    qad.http.post("/_sandbox/clock", json={"advance": 899})
    assert alive(qad) == 200
    qad.http.post("/_sandbox/clock", json={"advance": 900})
    assert alive(qad) == 401


def test_the_switch_expires_one_token_for_good(qad: Qad) -> None:
    qad.arm("expire_token")
    assert [alive(qad), alive(qad)] == [401, 401]
    assert alive(qad.login()) == 200


def test_a_permanent_401_never_ends(qad: Qad) -> None:
    qad.arm("status", status=401, match={"path": "/api/"}, count=None)
    assert [alive(qad), alive(qad.login())] == [401, 401]


def test_with_an_unknown_token_everything_is_401_in_the_bare_envelope(qad: Qad) -> None:
    qad.token = "unknown"
    for path in ("/api/webshell/workspaces", "/api/erp/glAccounts", "/api/qracore/browses"):
        answer = qad.get(path)
        assert answer.status_code == 401
        assert answer.json() == {"errors": [{"severity": 1, "code": "401", "message": "Unauthorized", "fieldName": ""}]}


def test_security_control_takes_basic_and_tells_the_client_id(qad: Qad) -> None:
    url = f"{BASE}/api/qracore/securityControl"
    answer = qad.http.get(url, auth=("api.user", "api.password")).json()["data"]["securityControls"][0]
    assert answer == {"clientId": "qad-client", "sessionLength": 30, "timeoutMinutes": 15}
    assert qad.http.get(url, auth=("api.user", "x")).status_code == 401
    assert qad.http.get(url).status_code == 401


@pytest.mark.parametrize(
    "path", ["/api/erp/glAccounts", "/oauth/token", "/clouderp/api/erp/glAccounts", "/", f"{BASE}/nothing"]
)
def test_outside_the_context_root_there_is_only_html(qad: Qad, path: str) -> None:
    answer = qad.http.get(path, headers=qad.headers())
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (404, "text/html")


def test_a_missing_role_is_403_in_the_bare_envelope(qad: Qad) -> None:
    qad.arm("forbidden", match={"path": "customerInvoices"}, count=None)
    answer = qad.get("/api/erp/customerInvoices")
    assert answer.status_code == 403
    assert answer.json()["errors"][0]["message"] == "Access is denied"
    assert qad.get("/api/erp/glAccounts").status_code == 200
