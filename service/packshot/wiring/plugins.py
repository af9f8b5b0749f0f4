"""Third parties' cameras, triggers, lamps and storefronts, by entry point."""

from collections.abc import Callable, Iterable
from importlib.metadata import entry_points
from typing import Any

from packshot.errors import ConfigError


def plugin(group: str, name: str, key: str, built_in: Iterable[str]) -> Callable[..., Any]:
    """The factory called ``name`` in an entry point group; raises ConfigError that lists what there is."""
    found = {point.name: point for point in entry_points(group=group)}
    if name not in found:
        known = ", ".join(dict.fromkeys([*built_in, *sorted(found)]))
        raise ConfigError(f"{key} {name!r} is unknown; known: {known}")
    loaded: Callable[..., Any] = found[name].load()
    return loaded
