"""Third parties' cameras, triggers, lamps and storefronts, by entry point."""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from packshot.errors import ConfigError, PackshotError


@dataclass(frozen=True)
class Plugin:
    """A plug-in that could be imported; calling it builds the part.

    Raises what the part raises of our own families, else ConfigError that names plug-in, distribution and reason.
    """

    key: str
    point: EntryPoint
    factory: Callable[..., Any]

    def __call__(self, *args: object, **options: object) -> Any:
        """The part, built with what its table of the configuration says."""
        try:
            inspect.signature(self.factory).bind(*args, **options)
        except TypeError as error:
            raise ConfigError(f"{self.key} {self.point.name!r} does not take these options: {error}") from error
        try:
            return self.factory(*args, **options)
        except PackshotError:
            raise
        except Exception as error:
            raise _broken(self.key, self.point, "cannot be set up", error, "correct its options") from error


def plugin(group: str, name: str, key: str, built_in: Iterable[str]) -> Plugin:
    """The plug-in called ``name`` in an entry point group, as the configuration's ``key`` asks for.

    Raises ConfigError where there is none or more than one of that name, or where it cannot be imported.
    """
    known = entry_points(group=group)
    found = [point for point in known if point.name == name]
    if not found:
        names = ", ".join(dict.fromkeys([*built_in, *sorted(point.name for point in known)]))
        raise ConfigError(f"{key} {name!r} is unknown; known: {names}")
    if len(found) > 1:
        owners = " and ".join(sorted(map(_distribution, found)))
        raise ConfigError(f"{key} {name!r} is the name of a plug-in of {owners}; uninstall one of them")
    return Plugin(key, found[0], _load(key, found[0]))


def _load(key: str, point: EntryPoint) -> Callable[..., Any]:
    try:
        loaded = point.load()
    except Exception as error:  # a stranger's module may do anything while it is imported
        raise _broken(key, point, "cannot be imported", error, "install what it lacks, or another version") from error
    if not callable(loaded):
        raise ConfigError(f"{key} {point.name!r}: {point.value} of {_distribution(point)} is nothing to call")
    factory: Callable[..., Any] = loaded
    return factory


def _broken(key: str, point: EntryPoint, what: str, error: Exception, advice: str) -> ConfigError:
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    return ConfigError(f"{key} {point.name!r}: {point.value} of {_distribution(point)} {what} ({reason}); {advice}")


def _distribution(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an unnamed distribution"
