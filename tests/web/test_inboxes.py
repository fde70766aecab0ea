"""One button, which leads to the reader's own inbox."""

from urllib.parse import quote

import pytest

from leadmagnet.web import inboxes

DESKTOP = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Safari/605.1.15"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1"
ANDROID = "Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537.36"
SENDER = "maya+letters@mail.example.com"


@pytest.mark.parametrize(
    ("address", "agent", "name", "start", "searches"),
    [
        ("a+b@gmail.com", DESKTOP, "Gmail", "https://mail.google.com/mail/u/a%2Bb%40gmail.com/#search/from%3A(maya%2B", True),
        ("sam@GoogleMail.com", IPHONE, "Gmail", "googlegmail://", False),
        ("sam@gmail.com", ANDROID, "Gmail", "intent://#Intent;scheme=googlegmail;package=com.google.android.gm;", False),
        ("sam@hotmail.co.uk", DESKTOP, "Outlook", "https://outlook.live.com/mail/?login_hint=sam%40hotmail.co.uk", False),
        ("sam@live.nl", IPHONE, "Outlook", "ms-outlook://search?querytext=maya%2Bletters%40mail.example.com", True),
        ("sam@yahoo.com.br", DESKTOP, "Yahoo Mail", "https://mail.yahoo.com/d/search/keyword=from:maya%2B", True),
        ("sam@aol.com", IPHONE, "AOL Mail", "https://mail.aol.com/d/search/", True),
        ("sam@pm.me", DESKTOP, "Proton Mail", "https://mail.proton.me/u/0/all-mail#from=maya%2B", True),
        ("sam@icloud.com", IPHONE, "iCloud Mail", "message://", False),
        ("sam@icloud.com", ANDROID, "iCloud Mail", "https://www.icloud.com/mail", False),
    ],
)  # fmt: skip
def test_the_button_leads_to_where_her_mail_is(address: str, agent: str, name: str, start: str, searches: bool) -> None:
    found = inboxes.find(address, agent=agent, sender=SENDER)
    assert found is not None
    assert (found.name, found.searches) == (name, searches)
    assert found.url.startswith(start)
    assert "{" not in found.url and SENDER not in found.url


@pytest.mark.parametrize(
    "address",
    ["sam@example.com", "sam@yahoo.evil.example", "sam@notgmail.com", "sam@gmail.com.evil.example", "sam", ""],
)
def test_an_inbox_that_nobody_knows_has_no_button(address: str) -> None:
    assert inboxes.find(address, agent=DESKTOP, sender=SENDER) is None


def test_an_app_that_is_not_there_is_replaced_by_the_browser() -> None:
    there, here = (inboxes.find("sam@gmail.com", agent=agent, sender=SENDER) for agent in (ANDROID, DESKTOP))
    assert there is not None and here is not None
    assert f"S.browser_fallback_url={quote(here.url, safe='')};end" in there.url


def test_where_no_name_of_an_app_is_known_the_browser_opens() -> None:
    found = inboxes.find("sam@aol.com", agent=ANDROID, sender=SENDER)
    assert found is not None and found.url.startswith("https://mail.aol.com/")
