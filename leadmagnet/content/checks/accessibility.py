"""Judges what a layout tells screen readers."""

from leadmagnet.content.checks.page import Page
from leadmagnet.content.findings import Notes


def judge(page: Page, notes: Notes) -> None:
    """Notes rule I303: the language and direction of the body, and which tables only arrange."""
    for name, example in (("lang", "en"), ("dir", "ltr")):
        if not page.body.attributes.get(name):
            place = page.find(r"<body\b")
            message = f"<body> does not say its {'language' if name == 'lang' else 'direction'}."
            notes.inform(place, "I303", message, f'Write <body {name}="{example}">: mail programs drop <html>.')
    for table in page.body.every("table"):
        if not table.attributes.get("role") and not any(table.every("th", "caption")):
            fix = 'Write <table role="presentation">, or give it column heads (<th>).'
            place = page.find(r"<table(?![^>]*\brole=)")
            notes.inform(place, "I303", "a table that only arranges does not say so.", fix)
