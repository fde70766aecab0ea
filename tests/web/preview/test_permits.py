"""Who may look: the operator at this machine, and neither a proxy nor a page in her name."""

import pytest

from leadmagnet.web.preview.permits import Permits
from tests.web.preview.conftest import HERE, Bench, OpenBench

LETTER = "/letters/hip-openers/tight-hips"


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "[::1]:8000", "LOCALHOST"])
def test_the_operator_at_this_machine_may_look(bench: Bench, host: str) -> None:
    assert bench.client.get(f"/preview{LETTER}", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    ("peer", "headers"),
    [
        ("192.0.2.7", {}),
        ("10.0.0.7", {}),
        ("::ffff:192.0.2.7", {}),
        ("127.0.0.1", {"Host": "mail.example.com"}),
        ("127.0.0.1", {"Host": "127.0.0.1.evil.example"}),  # a name that somebody points at this machine
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}),
        ("127.0.0.1", {"Forwarded": "for=127.0.0.1"}),
        ("127.0.0.1", {"Via": "1.1 proxy"}),
    ],
)
@pytest.mark.parametrize("path", ["", LETTER, "/events", "/version", "/frames" + LETTER])
def test_nobody_else_finds_anything(bench: Bench, peer: str, headers: dict[str, str], path: str) -> None:
    answer = bench.get(path, headers=headers, environ_overrides={"REMOTE_ADDR": peer})
    assert answer.status_code == 404
    assert "tight" not in answer.text.lower()


def test_a_trusted_proxy_never_gets_through(open_bench: OpenBench) -> None:
    assert open_bench(permits=Permits(None, ("127.0.0.0/8",))).get(LETTER).status_code == 404


def test_where_the_site_is_open_to_the_world_the_terminals_key_opens_once_and_for_all(open_bench: OpenBench) -> None:
    bench = open_bench(permits=Permits("the key"))
    assert bench.get(LETTER).status_code == 403
    assert bench.get(f"{LETTER}?key=a%20key").status_code == 403
    answer = bench.get(f"{LETTER}?key=the%20key&view=text")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/preview{LETTER}?view=text")
    assert "SameSite=Strict" in answer.headers["Set-Cookie"] and "HttpOnly" in answer.headers["Set-Cookie"]
    assert bench.get(LETTER).status_code == 200


@pytest.mark.parametrize(
    ("token", "headers"),
    [
        ("guessed", {"Origin": HERE}),
        (None, {"Origin": "https://evil.example"}),
        (None, {"Origin": "null"}),
        (None, {"Origin": HERE, "Sec-Fetch-Site": "cross-site"}),
    ],
)
def test_only_our_own_page_sends(bench: Bench, token: str | None, headers: dict[str, str]) -> None:
    form = {"token": token or bench.parts.permits.token, "key": "hip-openers/guide", "to": "maya@example.com"}
    answer = bench.client.post("/preview/send", data=form, base_url=HERE, headers=headers)
    assert answer.status_code == 403
    assert bench.sent == []


def test_a_letter_runs_no_script_and_asks_nobody(bench: Bench) -> None:
    bench.edit("email_templates/hip-openers/20-tight-hips.md", "Two things", "<script>alert(1)</script> Two things")
    answer = bench.get("/frames/letters/hip-openers/tight-hips")
    assert "<script" not in answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert "sandbox allow-same-origin" in policy and "allow-scripts" not in policy and "default-src 'none'" in policy
    page = bench.get(LETTER)
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert "unsafe-inline" not in page.headers["Content-Security-Policy"]
    assert 'style="' not in page.text and "<style" not in page.text
