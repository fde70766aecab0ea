"""What `run` says when it is ready."""

import click

from leadmagnet.doctor import mail_server
from leadmagnet.settings import Settings


def welcome(settings: Settings, preview: str) -> str:
    """Where everything is, and what to try next."""
    url = settings.site_url
    server = mail_server(settings)
    bold = click.style
    lines = [
        "",
        f"  {bold('Your site is open.', bold=True)} Ctrl-C closes it.",
        "",
        f"  The form         {bold(url, fg='cyan')}",
        f"  The preview      {bold(preview, fg='cyan')}   (your letters, as you write them)",
        f"  For your blog    {bold(url + '/embed', fg='cyan')}   (the form, to copy and paste)",
    ]
    if server is None:
        lines += [
            f"  The test mailbox {bold(url + '/mailbox', fg='cyan')}   (nothing leaves this machine)",
            "",
            "  Try it: type an address into the form, open the mail in the test mailbox, tap its button.",
            "  Then change a letter in email_templates/ and save: the next mail has the new words.",
        ]
    else:
        lines += [f"  Mail leaves by   {server}", "", "  After a change: leadmagnet plan, then leadmagnet publish."]
    return "\n".join([*lines, ""])
