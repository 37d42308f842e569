"""What `doctor` says: findings, what each trouble of a provider means, and the table of all."""

import difflib
import enum
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from streams.providers.probe import Trouble, Unlisted


class Mark(enum.StrEnum):
    """How a finding stands. A note is worth knowing and nothing is wrong."""

    OK = "ok"
    WRONG = "wrong"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was tried.

    Args:
        name: What.
        mark: How it stands.
        said: What was found.
        then: What to do; empty where there is nothing to do.
        reached: For what has an address, whether anything answered there; None: it has none.
    """

    name: str
    mark: Mark
    said: str
    then: str = ""
    reached: bool | None = None


def ok(name: str, said: str, *, reached: bool | None = None) -> Finding:
    """All is well."""
    return Finding(name, Mark.OK, said, reached=reached)


def wrong(name: str, said: str, then: str, *, reached: bool | None = None) -> Finding:
    """Something is wrong, and this is to be done."""
    return Finding(name, Mark.WRONG, said, then, reached)


def note(name: str, said: str, then: str, *, reached: bool | None = None) -> Finding:
    """Worth knowing."""
    return Finding(name, Mark.NOTE, said, then, reached)


REMEDIES: Mapping[Trouble, str] = {
    Trouble.NO_SUCH_HOST: "mend the host name in providers.{name}.base_url, or this machine's DNS",
    Trouble.NOBODY_THERE: (
        "is it running? Mend host and port in providers.{name}.base_url, or let a firewall pass it"
    ),
    Trouble.NOT_TRUSTED: (
        "have its certificate mended, or name the authority that signed it (SSL_CERT_FILE)"
    ),
    Trouble.TIMED_OUT: "try again with a longer --timeout; a firewall may drop what is sent",
    Trouble.KEY_REFUSED: "{key}",
    Trouble.NO_LIST: (
        "providers.{name}.base_url ends where {path} begins, often in /v1: is it right? "
        "If the host has no list of models, `tierflow doctor --call` tries a call of one token"
    ),
    Trouble.BUSY: "it is there and can't answer now: try again later",
    Trouble.ODD: (
        "something else answers there: providers.{name}.base_url ends where {path} begins"
    ),
}


PATHS: Mapping[str, str] = {
    "openai_chat": "/chat/completions",
    "openai_responses": "/responses",
    "anthropic_messages": "/messages",
    "ollama_chat": "/api/chat",
    "replicate_predictions": "/predictions",
}
"""What each wire format appends to a base_url."""


def remedy(name: str, trouble: Trouble, key_env: str | None, wire: str = "openai_chat") -> str:
    """What to do about a provider that doesn't list its models.

    Args:
        name: The provider's, in the settings.
        trouble: Why not.
        key_env: The variable or file with its key; None: none is set up.
        wire: The wire format that is spoken there.
    """
    key = (
        f"put a key that is valid there into {key_env}, and restart the workers"
        if key_env
        else f"it wants a key: set providers.{name}.api_key_env to the name of a variable that holds it"
    )
    return REMEDIES[trouble].format(name=name, key=key, path=PATHS[wire])


def of_unlisted(
    name: str, url: str, found: Unlisted, key_env: str | None, wire: str = "openai_chat"
) -> Finding:
    """A provider that does not list its models."""
    words = found.trouble.value.replace("_", " ")
    said = f"{url}: {words}: {found.detail}"
    mark = Mark.NOTE if found.trouble is Trouble.BUSY else Mark.WRONG
    then = remedy(name, found.trouble, key_env, wire)
    return Finding(f"provider {name}", mark, said, then, reached=found.reached)


def of_forbidden(name: str, url: str, why: str) -> Finding:
    """A provider whose address is not called."""
    then = f"mend providers.{name}.base_url; if it is meant so, providers.{name}.allow_link_local = true"
    return wrong(f"provider {name}", f"{url}: not called: {why}", then, reached=False)


def of_key(name: str, key_env: str, key: str | None) -> Finding | None:
    """What is wrong with a key before anybody is asked; None: nothing. The key is never shown."""
    subject = f"key of {name}"
    if not key or not key.strip():
        then = f"export {key_env}=… where doctor and the workers run"
        return wrong(subject, f"variable {key_env} is not set", then)
    if not key.strip().isascii() or not key.strip().isprintable() or " " in key.strip():
        then = f"set {key_env} to the key alone, without quotes or line breaks"
        return wrong(subject, f"variable {key_env} holds more than one line of ASCII", then)
    return None


def of_model(
    name: str, tier: int, provider: str, listed: Collection[str], *, whole: bool = True
) -> Finding:
    """Whether a provider lists a model; a list that is empty, or not whole, tells nothing."""
    subject = f"model {name}"
    if name in listed:
        return ok(subject, f"tier {tier}, listed by {provider}")
    if not listed:
        said = f"tier {tier}: {provider} lists no models at all"
        return note(subject, said, "`tierflow doctor --call` tries a call of one token")
    if not whole:
        said = (
            f"tier {tier}: not among the first {len(listed)} models of {provider}, which has more"
        )
        return note(subject, said, "`tierflow doctor --call` tries a call of one token")
    near = difflib.get_close_matches(name, sorted(listed), n=3, cutoff=0.4)
    hint = f" Near it: {', '.join(near)}." if near else ""
    said = f"tier {tier}: not among the {len(listed)} models of {provider}"
    return wrong(subject, said, f"mend its name in [[models.tier{tier}]].{hint}")


def code_of(findings: Sequence[Finding]) -> int:
    """The exit code: 0 all is well, 1 something is wrong, 3 nothing answers anywhere."""
    tried = [finding.reached for finding in findings if finding.reached is not None]
    if tried and not any(tried):
        return 3
    return int(any(finding.mark is Mark.WRONG for finding in findings))


def render(findings: Sequence[Finding], paint: Callable[[Mark], str] = str) -> Iterator[str]:
    """A line a finding, and under it what to do.

    Args:
        findings: All of them, in order.
        paint: How a mark is written.
    """
    width = max((len(finding.name) for finding in findings), default=0)
    for finding in findings:
        mark = paint(finding.mark).ljust(len(Mark.WRONG))
        yield f"{mark}  {finding.name.ljust(width)}  {finding.said}"
        if finding.then:
            yield f"{'':{len(Mark.WRONG)}}  {'':{width}}  → {finding.then}"
    counted = {mark: sum(f.mark is mark for f in findings) for mark in Mark}
    yield ""
    if counted[Mark.WRONG]:
        yield f"{counted[Mark.WRONG]} of {len(findings)} checks found something wrong."
    else:
        notes = f", {counted[Mark.NOTE]} with a note" if counted[Mark.NOTE] else ""
        yield f"All {len(findings)} checks are fine{notes}."
