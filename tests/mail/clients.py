"""Our side of the conversation, as the tests hold it."""

from leadmagnet.mail.server import TLS
from leadmagnet.mail.smtp import Connection, Server, Timeouts
from tests.mail.servers import ScriptedServer

PATIENT = Timeouts(10, 10, 10, 10, 10, 10, 10, 10)
RAW = b"Subject: Hi\r\n\r\nHello\r\n"
SENDER, ADA = "b+abc@bounce.example.com", "ada@example.com"
SLOW = {"MAIL": "mail", "RCPT": "rcpt", "DATA": "data", "DOT": "dot", "CONNECT": "greeting", "EHLO": "greeting"}


def impatient(phase: str) -> Timeouts:
    """Timeouts that give up only where the server is told to keep quiet."""
    chosen = dict.fromkeys(("connect", "greeting", "mail", "rcpt", "data", "body", "dot", "quit"), 10.0)
    return Timeouts(**{**chosen, SLOW[phase]: 0.1})


def connect(
    server: ScriptedServer, *, timeouts: Timeouts = PATIENT, login: tuple[str, str] | None = None, tls: TLS = "offered"
) -> Connection:
    username, password = login or (None, None)
    there = Server("127.0.0.1", server.port, tls, username, password)
    return Connection.open(there, local_hostname="client.example", timeouts=timeouts)
