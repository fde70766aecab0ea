"""Says which variables each kind of mail may speak of."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from leadmagnet.content.figures import Figure
from leadmagnet.content.site import Site, SiteSettings

FUNCTIONS = frozenset({"clicked", "tagged"})

#: What a sender fills in, besides `site.*`; a confirmation knows nothing that the visitor typed.
_OF_CONFIRMATION = frozenset({"guide.title", "confirm_url"})
_OF_GUIDE = frozenset({"guide.title", "guide_url", "guide_opened"})
_OF_LETTER = _OF_GUIDE | {"first_name", "unsubscribe_url", "preferences_url"}
_OF_LINE = frozenset({"guide.title", "guide_opened", "first_name"})  # subject, preheader
_OF_LAYOUT = frozenset({"subject", "preheader", "content", "confirmed", "asked_on"})

#: Names whose value is an address of ours or of the operator: what a link may begin with.
URLS = frozenset(
    {"guide_url", "confirm_url", "unsubscribe_url", "preferences_url", "form_url", "site.url", "site.privacy_url"}
)


@dataclass(frozen=True, slots=True)
class Scope:
    """What one source may speak of.

    `names` are the variables, dotted where they belong to something (`guide.title`). `facts` are names whose
    truth is known while compiling (`confirmed`, or a site value that is not set): a branch they rule out is
    not looked at. `slugs` are the letters that `clicked()` may name. `links` are the names of `[links]`,
    None while leadmagnet.toml does not read; `sections` are the anchors of the guide that a link may lead to,
    None while the guide does not read, and `figures` what `pose()` may name, likewise. `includes` is whether
    snippets and figures may be put in.
    """

    names: frozenset[str]
    facts: Mapping[str, bool] = field(default_factory=dict)
    functions: frozenset[str] = FUNCTIONS
    slugs: frozenset[str] = frozenset()
    clicks: bool = True
    links: Mapping[str, str] | None = field(default_factory=dict)
    sections: frozenset[str] | None = None
    figures: Mapping[str, Figure] | None = field(default_factory=dict)
    includes: bool = False


def body_scope(
    settings: SiteSettings | None,
    *,
    asks_for_consent: bool = False,
    has_guide: bool = True,
    sections: frozenset[str] | None = None,
    figures: Mapping[str, Figure] | None = None,
    slugs: frozenset[str] = frozenset(),
) -> Scope:
    """The scope of a body.

    `settings` is None while leadmagnet.toml does not read, `sections` and `figures` while a guide does not: what they
    would allow goes unchecked then.
    """
    set_keys, unset = _site_names(settings)
    names = (_OF_CONFIRMATION if asks_for_consent else _OF_LETTER) | set_keys
    facts = dict.fromkeys(unset, False) | dict.fromkeys(set_keys, True)
    if not has_guide:
        names -= _OF_GUIDE
        facts |= dict.fromkeys(_OF_GUIDE, False)
    return Scope(
        names=names,
        facts=facts,
        functions=frozenset() if asks_for_consent else FUNCTIONS,
        slugs=slugs,
        clicks=settings.tracking.clicks if settings else True,
        links=settings.links if settings else None,
        sections=sections,
        figures=figures,
        includes=True,
    )


def line_scope(body: Scope) -> Scope:
    """The scope of the subject and the preheader of a mail with the scope `body`."""
    names = frozenset(name for name in body.names if name in _OF_LINE or name.startswith("site."))
    return replace(body, names=names, links={}, includes=False)


def layout_scope(body: Scope, *, asks_for_consent: bool) -> Scope:
    """The scope of a layout around a mail with the scope `body`."""
    names = body.names | _OF_LAYOUT | (frozenset() if asks_for_consent else {"form_url"})
    return replace(body, names=names, facts={**body.facts, "confirmed": not asks_for_consent}, includes=False)


def _site_names(settings: SiteSettings | None) -> tuple[frozenset[str], frozenset[str]]:
    values: Mapping[str, object] = settings.site.model_dump() if settings else dict.fromkeys(Site.model_fields, "?")
    given = frozenset(f"site.{key}" for key, value in values.items() if value)
    return given, frozenset(f"site.{key}" for key in values) - given
