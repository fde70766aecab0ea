"""The command that begins something new in the folder: `new letter`, `new guide`."""

from collections.abc import Mapping
from pathlib import Path

import click

from leadmagnet.cli.site import site_option
from leadmagnet.errors import LeadmagnetError


@click.group()
@site_option
@click.pass_context
def new(ctx: click.Context, site: Path) -> None:
    """Begin a letter or a guide, with files that pass `check`.

    Example: leadmagnet new letter foam-roller --after tight-hips
    """
    ctx.obj = site


@new.command()
@click.argument("slug")
@click.option("--after", help="The letter it follows: tight-hips, or 20-tight-hips. Left out: the last one.")
@click.option("--sequence", help="The folder of the sequence, where more than one has such a letter.")
@site_option
def letter(slug: str, after: str | None, sequence: str | None, site: Path) -> None:
    """Begin a letter between two others.

    SLUG is its name, and stays its name for ever: foam-roller. The file begins as a draft, so nobody gets it
    before you say so.

    Example: leadmagnet new letter foam-roller --after tight-hips
    """
    # Imported here: the parsers behind it take longer to load than the help may take.
    from leadmagnet.content import beginnings
    from leadmagnet.content.files import read_folder
    from leadmagnet.content.findings import Notes
    from leadmagnet.settings import load

    load(site)  # refuses a folder that is no site
    begun = beginnings.letter(read_folder(site, Notes()), slug, after=after, sequence=sequence)
    _write(site, {begun.path: begun.text})
    name = Path(begun.path).stem
    place = f"behind {begun.before.file} (day {begun.before.day})"
    if begun.behind is not None:
        place = f"between {begun.before.file} (day {begun.before.day}) and {begun.behind.file} (day {begun.behind.day})"
    click.echo(f"{click.style(begun.path, bold=True)}\nis a draft for day {begun.day}, {place}.\n")
    if begun.is_close:
        click.echo("That is less than two days from a neighbour: change its `day`, or theirs, to leave more room.\n")
    click.echo(
        "  1. write it: subject, preheader, and the words below the second +++\n"
        f"  2. see it:   leadmagnet send-test {name} --to you@example.com\n"
        "  3. delete the line draft = true, and ask who will get it: leadmagnet plan"
    )


@new.command(short_help="Begin a guide, its form, and the first letters behind it.")
@click.argument("slug")
@site_option
def guide(slug: str, site: Path) -> None:
    """Begin a guide: its page, the words of its form, and a sequence with its first letters.

    SLUG is its name in addresses: its form will be at /f/SLUG.

    Example: leadmagnet new guide strong-feet
    """
    from leadmagnet.content import beginnings
    from leadmagnet.content.files import read_folder
    from leadmagnet.content.findings import Notes
    from leadmagnet.settings import load

    settings = load(site)
    files = beginnings.guide(read_folder(site, Notes()), slug)
    _write(site, files)
    about = (
        "the guide; in its head the words of its form",
        "when its letters leave",
        "the mail that brings the guide, at once",
        "a letter, three days later",
    )
    wide = max(map(len, files))
    for path, words in zip(files, about, strict=True):
        click.echo(f"  {click.style(path.ljust(wide), bold=True)}  {words}")
    click.echo(
        "\n  1. write your own words in place of ours\n"
        "  2. leadmagnet check, and leadmagnet publish\n"
        f"  3. its form is at {settings.site_url}/f/{slug}"
    )


def _write(site: Path, files: Mapping[str, str]) -> None:
    """Writes what is not there yet. Raises LeadmagnetError rather than touch a file."""
    for name, text in files.items():
        try:
            (site / name).parent.mkdir(parents=True, exist_ok=True)
            with (site / name).open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
        except FileExistsError as error:
            raise LeadmagnetError(f"{name} is there already. It was not changed: choose another name.") from error
        except OSError as error:
            raise LeadmagnetError(f"cannot write {name}: {error.strerror}.") from error
