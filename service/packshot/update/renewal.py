"""The updater's own environment, renewed from a release the way releases are: built aside, tried, switched."""

import hashlib

from packshot.errors import PackshotError
from packshot.update.box import Box
from packshot.update.manifest import UpdaterPart
from packshot.update.problems import UpdateUnhealthy, disk_errors
from packshot.update.repository import place
from packshot.update.staging import build


def renew_from_committed(box: Box) -> None:
    """Renew from the files that came with the release; a failure is noted, and the old updater goes on."""
    state = box.states.load()
    manifest = box.slots.manifest(state.committed.slot) if state.committed else None
    if manifest is None or not needs(box, manifest.updater):
        return
    try:
        renew(box, manifest.updater)
    except PackshotError as error:
        box.states.note("updater not renewed", manifest.updater.version, str(error))
        box.say(f"the updater stays as it is: {error}")


def needs(box: Box, part: UpdaterPart) -> bool:
    """Whether the environment is another one; without one of its own (a developer's machine) nothing is renewed."""
    current = box.environments.points_to("current")
    return bool(current) and box.environments.stamp(current) != _stamp(part)


def renew(box: Box, part: UpdaterPart) -> None:
    """Build, try and switch; ``previous`` stays for ``run`` to fall back on.

    Raises UpdateUnhealthy where the new one does not work, UpdateRefused and UpdateNoRoom as building does.
    """
    slots, stamp = box.environments, _stamp(part)
    slot = slots.name_for(part.version, stamp)
    if slots.stamp(slot) != stamp:
        build(box, slots, slot, stamp, {place(box.layout, file): file.sha256 for file in part.wheels})
    if said := box.builder.answers(slots.path(slot), "update", "selfcheck"):
        raise UpdateUnhealthy(f"the new updater {part.version} does not work: {said}")
    with disk_errors("the updater's environment"):
        slots.switch(slots.points_to("current"), "previous")
        slots.switch(slot)
    box.states.note("updater renewed", part.version)
    slots.collect(frozenset())


def _stamp(part: UpdaterPart) -> str:
    lines = [part.version, *sorted(f"{file.name} {file.sha256}" for file in part.wheels)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
