import pytest

from leadmagnet.mail.smtp_replies import ReplyClass, classify

# The providers' own words, as they publish them or as they stand in mail logs; line ends as on the wire.
TEXTS = [
    # Gmail
    (250, "2.0.0 OK  1699999999 x12-20020a05600c420c00b0040b4c0e9a5csi3211 - gsmtp", ReplyClass.ACCEPTED),
    (
        550,
        "5.1.1 The email account that you tried to reach does not exist. Please try\n5.1.1 double-checking the "
        "recipient's email address for typos or\n5.1.1 unnecessary spaces.",
        ReplyClass.BAD_ADDRESS,
    ),
    (553, "5.1.3 The recipient address <a..b@gmail.com> is not a valid RFC 5321 address.", ReplyClass.BAD_ADDRESS),
    (
        550,
        "5.2.1 The email account that you tried to reach is disabled. Learn more at",
        ReplyClass.MAILBOX,
    ),
    (
        450,
        "4.2.1 The user you are trying to contact is receiving mail at a rate that\n4.2.1 prevents",
        ReplyClass.MAILBOX,
    ),
    (
        550,
        "5.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional",
        ReplyClass.MAILBOX,
    ),
    (452, "4.2.2 The email account that you tried to reach is over quota.", ReplyClass.MAILBOX),
    (552, "5.2.2 The email account that you tried to reach is over quota and inactive.", ReplyClass.MAILBOX),
    (552, "5.2.3 Your message exceeded Google's message size limits.", ReplyClass.CONTENT),
    (
        421,
        "4.7.28 Gmail has detected an unusual rate of unsolicited mail originating\n4.7.28 from your IP address.",
        ReplyClass.THROTTLE,
    ),
    (
        421,
        "4.7.28 Gmail has detected an unusual rate of mail that have the same Message-ID. To protect",
        ReplyClass.THROTTLE,
    ),
    (421, "4.7.0 Temporary System Problem.  Try again later (10).", ReplyClass.THROTTLE),
    (451, "4.3.0 Mail server temporarily rejected message.", ReplyClass.RETRY),
    (452, "4.5.3 Your message has too many recipients.", ReplyClass.RETRY),
    (451, "4.4.2 Timeout - closing connection.", ReplyClass.RETRY),
    (454, "4.7.0 Too many login attempts, please try again later.", ReplyClass.THROTTLE),
    (
        550,
        "5.7.26 This mail has been blocked because the sender is unauthenticated.\n5.7.26 Gmail requires all senders",
        ReplyClass.REPUTATION,
    ),
    (
        550,
        "5.7.1 Our system has detected that this message is\n5.7.1 likely unsolicited mail. To reduce the amount of "
        "spam sent to Gmail,\n5.7.1 this message has been blocked.",
        ReplyClass.REPUTATION,
    ),
    (550, "5.7.25 The IP address sending this message does not have a PTR record setup", ReplyClass.REPUTATION),
    (
        550,
        "5.7.1 Encoded-word syntax is not permitted in message header 'List-Unsubscribe'.",
        ReplyClass.CONTENT,
    ),
    (
        552,
        "5.7.0 This message was blocked because its content presents a potential\n5.7.0 security issue.",
        ReplyClass.CONTENT,
    ),
    (535, "5.7.8 Username and Password not accepted. For more information, go to", ReplyClass.CREDENTIALS),
    (534, "5.7.9 Application-specific password required. For more information, go to", ReplyClass.CREDENTIALS),
    (530, "5.7.0 Must issue a STARTTLS command first.", ReplyClass.CREDENTIALS),
    (550, "5.4.5 Daily user sending limit exceeded. For more information on Gmail", ReplyClass.THROTTLE),
    # Yahoo
    (
        554,
        "delivery error: dd This user doesn't have a yahoo.com account (ada@yahoo.com) [0] - mta1.mail.bf1.yahoo.com",
        ReplyClass.BAD_ADDRESS,
    ),
    (
        554,
        "30 Sorry, your message to ada@yahoo.com cannot be delivered. This mailbox is disabled (554.30).",
        ReplyClass.MAILBOX,
    ),
    (552, "1 Requested mail action aborted, mailbox not found", ReplyClass.UNCLEAR),
    (
        421,
        "4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or user complaints",
        ReplyClass.THROTTLE,
    ),
    (421, "4.7.1 [TS03] All messages from 192.0.2.1 will be permanently deferred;", ReplyClass.THROTTLE),
    (451, "4.3.2 Internal error reading data", ReplyClass.RETRY),
    (451, "Resources temporarily not available - Please try again later [#4.16.5].", ReplyClass.RETRY),
    (
        553,
        "5.7.1 [BL21] Connections will not be accepted from 192.0.2.1, because the ip is in Spamhaus's list;",
        ReplyClass.REPUTATION,
    ),
    (554, "5.7.9 Message not accepted for policy reasons. See https://postmaster.yahooinc.com", ReplyClass.REPUTATION),
    (
        550,
        "5.7.9 This mail has been blocked because the sender is unauthenticated. Yahoo requires all senders",
        ReplyClass.REPUTATION,
    ),
    # Microsoft: outlook.com and Microsoft 365
    (550, "5.5.0 Requested action not taken: mailbox unavailable (S2017062302).", ReplyClass.UNCLEAR),
    (550, "5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient ada@contoso.example not found", ReplyClass.BAD_ADDRESS),
    (550, "5.4.1 Recipient address rejected: Access denied. AS(201806281)", ReplyClass.UNCLEAR),
    (
        550,
        "5.7.515 Access denied, sending domain example.com doesn't meet the required authentication level.",
        ReplyClass.REPUTATION,
    ),
    (
        550,
        "5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. Please contact your Internet service provider "
        "since part of their network is on our block list (S3140).",
        ReplyClass.REPUTATION,
    ),
    (550, "5.7.606 Access denied, banned sending IP [192.0.2.1]", ReplyClass.REPUTATION),
    (
        451,
        "4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP reputation.",
        ReplyClass.THROTTLE,
    ),
    (451, "4.7.500 Server busy. Please try again later from [192.0.2.1]. (S77719)", ReplyClass.THROTTLE),
    (432, "4.3.2 STOREDRV; concurrent connections exceeded for the mailbox", ReplyClass.RETRY),
    (552, "5.2.2 STOREDRV.Deliver; mailbox full. The recipient's mailbox is full", ReplyClass.MAILBOX),
    (554, "5.2.252 SendAsDenied; maya@example.com not allowed to send as bob@example.com;", ReplyClass.CREDENTIALS),
    (550, "5.7.60 SMTP; Client does not have permissions to send as this sender", ReplyClass.REPUTATION),
    (530, "5.7.57 Client not authenticated to send mail. Error: 535 5.7.139", ReplyClass.CREDENTIALS),
    (535, "5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled", ReplyClass.CREDENTIALS),
    (550, "5.7.54 SMTP; Unable to relay recipient in non-accepted domain", ReplyClass.CREDENTIALS),
    (550, "5.3.4 ROUTING.SizeLimit; message size exceeds fixed maximum size for route", ReplyClass.CONTENT),
    # Postfix and other servers one meets
    (250, "2.0.0 Ok: queued as 4V1XyZ1abcz9vJ", ReplyClass.ACCEPTED),
    (251, "user not local; will forward", ReplyClass.ACCEPTED),
    (
        550,
        "5.1.1 <ada@example.com>: Recipient address rejected: User unknown in virtual mailbox table",
        ReplyClass.BAD_ADDRESS,
    ),
    (550, "5.1.2 <ada@example.cmo>: Recipient address rejected: Domain not found", ReplyClass.BAD_ADDRESS),
    (450, "4.1.2 <ada@example.com>: Recipient address rejected: Domain not found", ReplyClass.RETRY),
    (450, "4.1.1 <ada@example.com>: Recipient address rejected: unverified address", ReplyClass.RETRY),
    (
        450,
        "4.2.0 <ada@example.com>: Recipient address rejected: Greylisted, see http://postgrey.example/",
        ReplyClass.RETRY,
    ),
    (451, "4.7.1 Greylisting in action, please come back later", ReplyClass.RETRY),
    (452, "4.3.1 Insufficient system storage", ReplyClass.RETRY),
    (452, "4.2.2 <ada@example.com>: user is over quota", ReplyClass.MAILBOX),
    (552, "5.3.4 Message size exceeds fixed limit", ReplyClass.CONTENT),
    (554, "5.7.1 <ada@example.com>: Relay access denied", ReplyClass.CREDENTIALS),
    (
        554,
        "5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org;",
        ReplyClass.REPUTATION,
    ),
    (550, "5.1.8 <maya@example.cmo>: Sender address rejected: Domain not found", ReplyClass.REPUTATION),
    (
        553,
        "5.7.1 <maya@example.com>: Sender address rejected: not owned by user bob@example.com",
        ReplyClass.CREDENTIALS,
    ),
    (504, "5.5.2 <laptop>: Helo command rejected: need fully-qualified hostname", ReplyClass.REPUTATION),
    (554, "5.6.0 Message contains bad characters", ReplyClass.CONTENT),
    (550, "5.6.7 SMTPUTF8 is required, but was not offered", ReplyClass.UNSUPPORTED),
    (554, "5.4.4 Unable to route: no mail hosts for domain", ReplyClass.BAD_ADDRESS),
    (556, "5.1.10 Recipient address has null MX", ReplyClass.BAD_ADDRESS),
    (511, "sorry, no mailbox here by that name (#5.1.1 - chkuser)", ReplyClass.BAD_ADDRESS),
    (550, "#5.1.0 Address rejected.", ReplyClass.UNCLEAR),
    (550, "No such user here", ReplyClass.UNCLEAR),
    (550, "Requested action not taken: mailbox unavailable", ReplyClass.UNCLEAR),
    (554, "Transaction failed", ReplyClass.UNCLEAR),
    (451, "Temporary local problem - please try later", ReplyClass.RETRY),
    # Relays one pays for
    (454, "Throttling failure: Maximum sending rate exceeded.", ReplyClass.THROTTLE),
    (
        554,
        "Message rejected: Email address is not verified. The following identities failed the check in region",
        ReplyClass.CREDENTIALS,
    ),
    (550, "The from address does not match a verified Sender Identity. Mail cannot be sent", ReplyClass.CREDENTIALS),
    (535, "Authentication Credentials Invalid", ReplyClass.CREDENTIALS),
    # Not replies to a message at all
    (354, "End data with <CR><LF>.<CR><LF>", ReplyClass.UNCLEAR),
    (550, "", ReplyClass.UNCLEAR),
    (450, "", ReplyClass.RETRY),
]


@pytest.mark.parametrize(("code", "text", "expected"), TEXTS, ids=[f"{c} {t[:40]}" for c, t, _ in TEXTS])
def test_each_server_means_what_it_says(code: int, text: str, expected: ReplyClass) -> None:
    assert classify(code, text) is expected


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (550, "No such user here"),
        (550, "Requested action not taken: mailbox unavailable"),
        (554, "Transaction failed"),
        (552, "1 Requested mail action aborted, mailbox not found"),
        (550, ""),
    ],
)
def test_a_no_without_a_status_is_about_the_address_only_when_the_address_was_asked_about(code: int, text: str) -> None:
    assert classify(code, text, phase="rcpt") is ReplyClass.UNEXPLAINED
    for phase in ("mail", "data", "body", "dot"):
        assert classify(code, text, phase=phase) is ReplyClass.UNCLEAR


@pytest.mark.parametrize(("code", "text", "expected"), TEXTS, ids=[f"{c} {t[:40]}" for c, t, _ in TEXTS])
def test_what_is_clear_stays_so_whatever_was_asked(code: int, text: str, expected: ReplyClass) -> None:
    for phase in ("mail", "rcpt", "dot"):
        found = classify(code, text, phase=phase)
        assert found is expected or (found, expected) == (ReplyClass.UNEXPLAINED, ReplyClass.UNCLEAR)


@pytest.mark.parametrize("code", range(400, 500))
def test_no_temporary_reply_ever_condemns_an_address(code: int) -> None:
    for status in ("4.1.1", "4.1.2", "4.4.4", "4.7.1", "4.6.0"):
        kind = classify(code, f"{status} user unknown, relay access denied, virus")
        assert kind in (ReplyClass.RETRY, ReplyClass.THROTTLE)


@pytest.mark.parametrize("detail", [0, 1, 5, 13, 23, 26, 27, 509, 515, 606, 705])
def test_a_problem_of_ours_never_suppresses_a_reader(detail: int) -> None:
    assert classify(550, f"5.7.{detail} no") is ReplyClass.REPUTATION


def test_an_address_or_ip_in_the_words_is_no_status() -> None:
    assert classify(550, "blocked 5.1.1.9 for ada@5.1.1.example") is ReplyClass.UNCLEAR
    assert classify(550, "5.1.1.9 is blocked") is ReplyClass.UNCLEAR
