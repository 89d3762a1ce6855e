"""`serve --metrics`: what several processes count is shown as one, with few labels."""

import json
import os
import re
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import ROOT, Server
from tests.idp.management.test_worker import children_of, soon
from tests.ports import free_port
from tests.relying_party import Browser, EndUser, make_client

DEPLOY = ROOT / "deploy/prometheus"
PROCESSES, THREADS = 2, 3
Labels = dict[str, str]


@pytest.fixture(scope="module")
def address() -> str:
    return f"127.0.0.1:{free_port()}"


@pytest.fixture(scope="module")
def measured(
    database: None, address: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    server = Server(
        f"http://localhost:{free_port()}",
        tmp_path_factory.mktemp("measured") / "log",
        *("--workers", str(PROCESSES), "--threads", str(THREADS), "--metrics", address),
    )
    server.wait()
    soon(lambda: is_there(address))
    yield server
    server.stop()


def is_there(address: str) -> bool:
    try:
        return httpx.get(f"http://{address}/metrics").status_code == 200
    except httpx.TransportError:
        return False


def shown(address: str) -> dict[str, list[tuple[Labels, float]]]:
    """Return the labels and values of each name."""
    found: dict[str, list[tuple[Labels, float]]] = {}
    for family in text_string_to_metric_families(httpx.get(f"http://{address}/metrics").text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def value(address: str, name: str, **labels: str) -> float:
    return sum(
        number for has, number in shown(address).get(name, []) if labels.items() <= has.items()
    )


def test_what_processes_count_is_added_up(measured: Server, address: str) -> None:
    client = make_client(grant_types=["client_credentials"], response_types=[], redirect_uris=[])
    grant = {"grant_type": "client_credentials"}
    before = value(address, "signet_token_responses_total", **grant)
    for _ in range(20):  # a connection each, so that each process answers some
        response = httpx.post(
            f"{measured.issuer}/token", data=grant, auth=(client.client_id, client.secret or "")
        )
        assert response.status_code == 200
    assert value(address, "signet_token_responses_total", **grant) - before == 20
    answered = {"endpoint": "/token", "status": "200"}
    assert value(address, "signet_requests_total", **answered) >= 20
    took = value(address, "signet_request_duration_seconds_sum", endpoint="/token")
    assert 0 < took < 20 * 5
    assert value(address, "signet_database_connections_limit") == PROCESSES * THREADS
    assert value(address, "signet_database_connections_in_use") == 0


def test_sign_ins_and_denials_are_counted(measured: Server, address: str, user: EndUser) -> None:
    with Browser(measured.issuer) as browser:
        browser.type_password(replace(user, password="wrong"))
        browser.type_password(user)
    assert value(address, "signet_sign_ins_total", result="failure") == 1
    assert value(address, "signet_sign_ins_total", result="success", method="pwd") == 1
    httpx.post(f"{measured.issuer}/token", data={"grant_type": "password"})
    assert value(address, "signet_denials_total", error="invalid_client") == 1
    assert value(address, "signet_sessions") >= 0
    assert value(address, "signet_database_up") == 1


def test_requests_make_no_labels(measured: Server, address: str) -> None:
    for number in range(30):
        httpx.request(f"M{number}", f"{measured.issuer}/nothing-{number}/x")
        httpx.get(f"{measured.issuer}/admin/{number}/")
        data = {"grant_type": f"grant-{number}", "client_id": f"client-{number}"}
        httpx.post(f"{measured.issuer}/token", data=data)
    text = httpx.get(f"http://{address}/metrics").text
    assert not re.search(r"nothing-|grant-\d|client-\d|admin/\d", text)
    labels = {has["endpoint"] for has, _ in shown(address)["signet_requests_total"]}
    assert labels <= {"/token", "/admin/", "/account/", "/readyz", "other"}


def test_a_killed_process_takes_nothing_along(measured: Server, address: str) -> None:
    def serving() -> list[int]:
        children = children_of(measured.process.pid)
        return [pid for pid, line in children.items() if " serve " in line]

    before = value(address, "signet_requests_total")
    [victim, _] = serving()
    os.kill(victim, signal.SIGKILL)
    soon(lambda: len(serving()) == PROCESSES and victim not in serving())
    soon(lambda: value(address, "signet_database_connections_limit") == PROCESSES * THREADS)
    assert value(address, "signet_requests_total") >= before


def test_metrics_are_not_for_the_public(measured: Server) -> None:
    assert httpx.get(f"{measured.issuer}/metrics").status_code == 404


def test_an_address_in_use_is_refused(database: None, address: str, tmp_path: Path) -> None:
    issuer = f"http://localhost:{free_port()}"
    server = Server(issuer, tmp_path / "log", "--metrics", "127.0.0.1:x")
    assert server.process.wait(60) == 1
    assert "127.0.0.1:x is not HOST:PORT" in server.log.read_text()
    server.stop()


def test_alerts_and_dashboard_ask_for_what_there_is(measured: Server, address: str) -> None:
    """The worker's and the mail's signs of life are there once these have worked."""
    families = text_string_to_metric_families(httpx.get(f"http://{address}/metrics").text)
    names = {sample.name for family in families for sample in family.samples}
    names |= {"signet_worker_last_seen_timestamp_seconds", "signet_token_responses_total"}
    names |= {"signet_sign_ins_total", "signet_denials_total"}
    expressions = [*alerts(), *queries()]
    assert len(expressions) > 20
    for expression in expressions:
        assert set(re.findall(r"signet_\w+", expression)) <= names, expression
        assert expression.count("(") == expression.count(")")


def alerts() -> Iterator[str]:
    groups: dict[str, Any] = yaml.safe_load((DEPLOY / "alerts.yaml").read_text())
    for group in groups["groups"]:
        for rule in group["rules"]:
            assert rule.keys() >= {"alert", "expr", "for", "labels", "annotations"}
            yield rule["expr"]


def queries() -> Iterator[str]:
    dashboard = json.loads((DEPLOY / "dashboard.json").read_text())
    for panel in dashboard["panels"]:
        yield from (target["expr"] for target in panel["targets"])
