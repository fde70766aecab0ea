"""Reports as servers and providers send them, about any mail."""

from pathlib import Path

REPORTS = Path(__file__).parent / "reports"
#: What stands in the files.
ADA = "ada@example.net"
RETURN_PATH = "b+aua6aaaaaaaaaaaab4g6ir6ayzrbxb7abcdef2@bounce.example.com"
MESSAGE_ID = "019cb2a1c5e07f0d5c8b3a6e1f2d4c6b@mail.example.com"
LEAVE_URL = "https://mail.example.com/u/AwEAAAAAAAAAB1a2b3c4d5e6f7g8h9"


def raw(name: str, **replaced: str) -> bytes:
    """The report of this name; `recipient`, `return_path`, `message_id`, `leave_url`, `number` take the places of its own."""
    text = (REPORTS / f"{name}.eml").read_bytes()
    known = {
        "recipient": ADA,
        "return_path": RETURN_PATH,
        "message_id": MESSAGE_ID,
        "leave_url": LEAVE_URL,
        "number": "X-Delivery-Id: 7",
    }
    for what, value in replaced.items():
        text = text.replace(known[what].encode(), value.encode())
    return text
