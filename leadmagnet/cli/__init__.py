"""The `leadmagnet` command: one table of commands, each loaded only when it is used."""

import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from leadmagnet import __version__
from leadmagnet.errors import LeadmagnetError


@dataclass(frozen=True, slots=True)
class _Entry:
    """One line of the help: a heading, a command, the module that holds it, what it does."""

    heading: str
    name: str
    module: str
    summary: str


_ENTRIES = (
    _Entry("Every day", "run", "serve", "Start the site of this folder: web pages and mail, all in one."),
    _Entry("Every day", "preview", "preview", "See every letter as its readers will, while you write."),
    _Entry("Every day", "check", "check", "Read every letter and guide, and say what is wrong and where."),
    _Entry("Every day", "plan", "plan", "Say what publishing would do, in people."),
    _Entry("Every day", "publish", "publishing", "Make what is in the folder live for readers."),
    _Entry("Every day", "rollback", "publishing", "Make an earlier version live again."),
    _Entry("Every day", "send-test", "content", "Send one letter to yourself, just as readers get it."),
    _Entry("Every day", "status", "status", "Show who is where: waiting, sent, and what needs you."),
    _Entry("Every day", "why", "why", "Tell what one address got, did not get, and gets next."),
    _Entry("Every day", "pause", "brakes", "Stop the letters; confirmations and guides go on."),
    _Entry("Every day", "resume", "brakes", "Let the letters go out again."),
    _Entry("Content", "init", "content", "Make a site of your own in a new folder."),
    _Entry("Content", "new", "new", "Begin a letter or a guide, with files that pass check."),
    _Entry("Content", "calendar", "calendar", "Show when which letter comes, for a made-up person."),
    _Entry("Content", "rehearse", "rehearse", "Play a whole sequence to a made-up person, or to yourself."),
    _Entry("Content", "versions", "versions", "List what was live, when, by whom, and how many mails it sent."),
    _Entry("Content", "diff", "versions", "Show what differs between two versions, or a version and the folder."),
    _Entry("Content", "show", "showing", "Show a letter as a version has it, or a mail just as it was sent."),
    _Entry("People", "person", "people", "Show one person, or change what she gets: leave, pause, tag, start."),
    _Entry("People", "export", "privacy", "Write down all that is kept about one person."),
    _Entry("People", "forget", "privacy", "Delete one person with everything, for good."),
    _Entry("People", "resend", "delivery", "Send again what was maybe sent, or let go what is held."),
    _Entry("Server", "web", "serve", "Serve only the web pages."),
    _Entry("Server", "worker", "serve", "Send only the mail."),
    _Entry("Server", "feedback", "feedback", "Read a bounce or a complaint from standard input, and act on it."),
    _Entry("Server", "doctor", "server", "Say what keeps this machine from sending; make its DKIM key."),
)


class _Commands(click.Group):
    """Loads a command's module when the command is called; the help needs none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [entry.name for entry in _ENTRIES]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = next((entry for entry in _ENTRIES if entry.name == cmd_name), None)
        if entry is None:
            return None
        module = importlib.import_module(f"leadmagnet.cli.{entry.module}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if self.get_command(ctx, args[0]) is None:
            # Imported here: only a mistake needs it.
            import difflib

            close = difflib.get_close_matches(args[0], self.list_commands(ctx), n=1)
            hint = f" Did you mean {close[0]}?" if close else " `leadmagnet --help` lists them."
            raise click.UsageError(f"there is no command {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for heading in dict.fromkeys(entry.heading for entry in _ENTRIES):
            with formatter.section(heading):
                formatter.write_dl([(entry.name, entry.summary) for entry in _ENTRIES if entry.heading == heading])


@click.group(cls=_Commands, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--site", type=click.Path(path_type=Path), help="The site's folder (default: the current one).")
@click.version_option(__version__, prog_name="leadmagnet")
@click.pass_context
def leadmagnet(ctx: click.Context, site: Path | None) -> None:
    """A guide for your readers, and letters that follow it.

    Without a command, `run` starts the site of the current folder.
    """
    ctx.obj = site
    if ctx.invoked_subcommand is None:
        from leadmagnet.cli.serve import run

        ctx.invoke(run, site=(site or Path.cwd()).resolve())


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and exits: 0 fine, 1 the answer is no, 2 misuse."""
    try:
        leadmagnet.main(arguments, prog_name="leadmagnet", standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(1)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except LeadmagnetError as error:
        click.secho(_sentence(str(error)), fg="red", err=True)
        sys.exit(1)
    except Exception as error:
        # Imported here: the help needs no database.
        from leadmagnet.store.database import trouble

        words = trouble(error)
        if words is None:
            raise
        click.secho(_sentence(words), fg="red", err=True)
        sys.exit(1)


def _sentence(words: str) -> str:
    """With a capital letter, unless it begins with a name: a file, a number, an option."""
    first = words.partition(" ")[0]
    return words[:1].upper() + words[1:] if first.isalpha() else words
