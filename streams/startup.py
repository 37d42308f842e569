"""Settings → what is in force before any control record was read: models, policy, providers' names."""

from datetime import datetime

from streams.money.prices import shipped
from streams.routing import registry
from streams.routing.decide import View
from streams.routing.quality import QualityView
from streams.routing.roster import Host, Roster
from streams.settings import Settings


def starting_view(settings: Settings, now: datetime) -> View:
    """What is in force before any control record was read.

    Raises:
        ValueError: The registry is wrong; the message names the field.
    """
    known = registry.parse({"models": settings.models})
    roster = Roster(known.models, hosts_of(settings), shipped(), now)
    for spec in known.models:
        if spec.provider not in settings.providers:
            names = ", ".join(sorted(settings.providers)) or "none"
            raise ValueError(
                f"models.tier{spec.tier}: {spec.name} names provider {spec.provider!r}; "
                f"providers that are set: {names}"
            )
        if why_not := roster.refusal(spec, now):
            raise ValueError(f"models.tier{spec.tier}: {spec.name}: {why_not}")
    policy, quality = settings.policy.initial(now), QualityView()
    in_force = roster.in_force(policy, quality)
    return View(in_force, policy, quality, roster, steer=settings.routing.steer)


def hosts_of(settings: Settings) -> dict[str, Host]:
    """Providers by name, as a record of the topic `models` may use them.

    A provider may be sent the keys that the settings name for it, and no other.
    """
    entries = [entry for tier in settings.models.values() for entry in tier]
    keys: dict[str, set[str]] = {name: set() for name in settings.providers}
    for name, provider in settings.providers.items():
        told = [e.get("api_key_env") for e in entries if e.get("provider") == name]
        keys[name].update(str(key) for key in (provider.api_key_env, *told) if key)
    return {
        name: Host(provider.vendor_of(name), frozenset(keys[name]))
        for name, provider in settings.providers.items()
    }
