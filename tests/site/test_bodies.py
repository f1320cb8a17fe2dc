"""Bodies are received up to what is allowed, and nothing of them is left."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from faceroute_site.web import bodies, refusals
from faceroute_site.web.bodies import Body, HungUp, Spool
from faceroute_site.web.refusals import Refused


@pytest.fixture(autouse=True)
def incoming(settings: Any, tmp_path: Path) -> Path:
    settings.INCOMING_ROOT = tmp_path / "incoming"
    settings.FORM_BYTES = 1000
    settings.INCOMING_BYTES = 300_000
    return tmp_path / "incoming"


def received(
    spool: Spool, chunks: Iterable[bytes], *, declared: int | None = None, allowed: int = 10**9
) -> Body:
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def allow() -> int:
        return allowed

    return asyncio.run(spool.receive(receive, declared, allow))


@pytest.mark.parametrize("count", [0, 1, 200])
def test_a_body_comes_whole_and_has_no_name(incoming: Path, count: int) -> None:
    chunks = [bytes([number]) * 1000 for number in range(count)]
    body = received(Spool(), chunks)
    assert body.length == 1000 * count
    assert body.file.read() == b"".join(chunks)
    assert not list(incoming.glob("*"))
    body.close()


def test_what_is_larger_than_allowed_is_refused_as_soon_as_it_is_known() -> None:
    for options in ({"declared": 1001}, {}):
        with pytest.raises(Refused) as refused:
            received(Spool(), [bytes(600), bytes(600)], allowed=0, **options)
        assert refused.value.refusal.status == 413


def test_all_bodies_together_have_a_limit_and_give_their_room_back() -> None:
    spool = Spool()
    first = received(spool, [bytes(200_000)])
    for _ in range(2):
        with pytest.raises(Refused) as refused:
            received(spool, [bytes(50_000)] * 3)
        assert refused.value.refusal.status == 503
    first.close()
    received(spool, [bytes(50_000)] * 6).close()


def test_a_disk_that_is_nearly_full_takes_no_body(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.INCOMING_BYTES = 10**9
    monkeypatch.setattr(bodies, "_ROOM_LEFT", 10**18)
    with pytest.raises(Refused) as refused:
        received(Spool(), [bytes(2**20)] * 17)
    assert refused.value.refusal.status == 503


def test_who_hangs_up_leaves_nothing() -> None:
    spool = Spool()

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def allow() -> int:
        return 10**9

    part: dict[str, Any] = {"type": "http.request", "body": bytes(250_000), "more_body": True}
    messages = [part, {"type": "http.disconnect"}]
    with pytest.raises(HungUp):
        asyncio.run(spool.receive(receive, None, allow))
    received(spool, [bytes(250_000)]).close()


def test_refusals_are_said_as_a_page_and_as_json(client: Client, db: None) -> None:
    told: dict[str, Any] = {refusals.KEY: refusals.no_room()}
    page = client.get("/about/", headers={"Accept-Language": "ko"}, **told)
    assert page.status_code == 503
    assert "업로드가 너무 많" in page.content.decode()
    call = client.post("/api/v1/predictions/", **told)
    assert (call.status_code, call["Retry-After"]) == (503, "60")
    assert call.json()["code"] == "too_busy"
    script = client.post("/", headers={"Accept": "application/json"}, **told)
    assert "is receiving too many uploads" in script.json()["message"]
