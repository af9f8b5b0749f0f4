"""What each command of ``tools/release`` does and prints; returns the exit code."""

import argparse
import getpass
import os
import tempfile
from datetime import timedelta
from pathlib import Path

from tuf.api.metadata import RootVerificationResult

from packshot.errors import UsageError
from packshot.platform.table import table
from packshot.update.manifest import Manifest, Rollout
from tools.releasing import build as building
from tools.releasing.build import Build
from tools.releasing.channels import Channels, publish_build
from tools.releasing.keys import Keyring, make_key
from tools.releasing.kit import pack_kits
from tools.releasing.platforms import ALL
from tools.releasing.repository import LIFE_DAYS, Store
from tools.releasing.roots import Ceremony

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "packshot" / "release-wheels"
ONLINE = ("snapshot", "timestamp")
KEYID_SHOWN = 12


def keys(args: argparse.Namespace) -> int:
    """Make signing keys in a folder, each as NAME.pem (private) and NAME.pub."""
    passphrase = _new_passphrase() if args.passphrase else ""
    for name in args.name:
        key = make_key(args.folder, name, passphrase)
        print(f"{name.ljust(10)} {key.keyid[:KEYID_SHOWN]}  {args.folder / name}.pem")
    return 0


def init(args: argparse.Namespace) -> int:
    """Begin a repository: the root that says which keys sign what, and empty lists."""
    store = _store(args)
    store.folder.mkdir(parents=True, exist_ok=True)
    if store.newest("root") is None or store.newest("timestamp") is not None:
        return _after_root(store, Ceremony(store).begin())
    return _begin(store)


def sign(args: argparse.Namespace) -> int:
    """Add this key holder's signature to a root that waits for signatures."""
    store = _store(args)
    return _after_root(store, Ceremony(store).sign())


def make(args: argparse.Namespace) -> int:
    """Build a tag, sign it, put it into the repository and offer it: build and publish in one."""
    store = _store(args)
    store.require("targets")
    with tempfile.TemporaryDirectory(prefix="packshot-release-") as work:
        return _publish(store, _build(args, Path(work, "build")), args)


def build(args: argparse.Namespace) -> int:
    """Build a tag into a folder: wheels, manifests, bills of materials. Needs no key."""
    _build(args, args.output)
    return 0


def publish(args: argparse.Namespace) -> int:
    """Sign a build, put it into the repository and offer it in a channel."""
    return _publish(_store(args), Build(args.build), args)


def rollout(args: argparse.Namespace) -> int:
    """Change whom a release is for: --percent of all boxes, and --canary boxes in addition."""
    store = _store(args)
    now = Channels(store).widen(args.channel, args.version, args.percent, tuple(args.canary))
    _refresh(store)
    print(f"{args.version} in {args.channel}: {_whom(now)}")
    return 0


def kit(args: argparse.Namespace) -> int:
    """Pack all that a bare machine needs for a first installation of a release, one archive per platform."""
    store = _store(args)
    store.check()
    manifests = Channels(store).manifests(args.channel, args.version)
    args.output.mkdir(parents=True)
    for archive in pack_kits(store, args.source, manifests, args.output):
        print(archive)
    return 0


def withdraw(args: argparse.Namespace) -> int:
    """Offer a release no longer. Boxes that run it stay with it until they are offered a newer one."""
    store = _store(args)
    Channels(store).withdraw(args.channel, args.version)
    _refresh(store)
    print(f"{args.version} is withdrawn from {args.channel}")
    return 0


def renew(args: argparse.Namespace) -> int:
    """Sign again with a new expiry; run it daily with the online keys."""
    store = _store(args)
    roles = set(args.role or ONLINE)
    if args.within is not None:
        soon = store.clock() + timedelta(days=args.within)
        roles = {role for role in roles if store.expiries()[role][1] <= soon}
    for role in ONLINE if roles & set(ONLINE) else ():
        store.require(role)
    if "root" in roles and not _root_is_complete(Ceremony(store).renew()):
        return 1
    for role in ("targets", "channels"):
        if role in roles:
            store.close(role, store.open(role))
    if roles:
        _refresh(store, force=bool(roles & set(ONLINE)))
    print(f"renewed: {', '.join(sorted(roles)) or 'nothing was due'}")
    return 0


def rotate(args: argparse.Namespace) -> int:
    """Replace keys of a role: --add keys that sign from now on, --drop keys that no longer do."""
    store = _store(args)
    new = [store.keys.named(name) for name in args.add]
    old = [_full_keyid(store, args.role, text) for text in args.drop]
    if args.role != "channels":
        return _after_root(store, Ceremony(store).rotate(args.role, old, new))
    store.rotate_channels(old, new)
    _refresh(store)
    return 0


def status(args: argparse.Namespace) -> int:
    """Show versions, expiries, keys and channels, and check every signature and file."""
    store = _store(args)
    now = store.clock()
    rows, late = [], []
    for role, (version, expires) in store.expiries().items():
        trusted = store.trusted(role)
        shown = f"{trusted.threshold} of {' '.join(keyid[:KEYID_SHOWN] for keyid in trusted.keyids)}"
        rows.append((role, str(version), f"{expires:%Y-%m-%d %H:%M}", shown))
        late += [role] if expires <= now + _notice(args.within, store.life_days[role]) else []
    print(table(("role", "version", "expires (UTC)", "keys"), rows), end="\n\n")
    _print_channels(store)
    store.check()
    if late:
        print(f"expires within {args.within} days: {', '.join(late)}; run: tools/release renew {' '.join(late)}")
    return 1 if late else 0


def _notice(within: int, life_days: int) -> timedelta:
    """How long before its end a signature counts as late; one of a short life, in its second half."""
    return min(timedelta(days=within), timedelta(days=life_days) / 2)


def _print_channels(store: Store) -> None:
    rows = []
    for target in sorted(store.targets("channels").targets):
        channel = Channels(store).read(Path(target).stem)
        for release in channel.releases:
            state = "withdrawn" if release.withdrawn else _whom(release.rollout)
            rows.append((channel.channel, release.version, state, " ".join(sorted(release.manifests))))
    print(table(("channel", "version", "for", "platforms"), rows))


def _whom(rollout: Rollout) -> str:
    named = f" and {', '.join(rollout.canaries)}" if rollout.canaries else ""
    return f"{rollout.percent:g} %{named}"


def _store(args: argparse.Namespace) -> Store:
    return Store(args.repository, Keyring(tuple(args.keys)), life_days={**LIFE_DAYS, **dict(args.days)})


def _build(args: argparse.Namespace, folder: Path) -> Build:
    wanted = [platform for platform in ALL if args.platform is None or str(platform) in args.platform]
    made = building.build(args.source, args.tag, folder, wanted, args.cache)
    for platform, manifest in made.manifests().items():
        size = sum(file.bytes for file in manifest.files())
        print(f"{manifest.version} {platform.ljust(20)} {len(manifest.wheels)} wheels, {size / 1e6:.0f} MB")
    return made


def _publish(store: Store, made: Build, args: argparse.Namespace) -> int:
    manifests = publish_build(store, made)
    _offer(store, manifests, args)
    _refresh(store)
    return 0


def _offer(store: Store, manifests: dict[str, Manifest], args: argparse.Namespace) -> None:
    version = next(iter(manifests.values())).version
    whom = Rollout(args.percent or 0.0, tuple(args.canary))
    Channels(store).offer(args.channel, manifests, whom)
    print(f"{version} in {args.channel}: {_whom(whom)}")


def _refresh(store: Store, force: bool = False) -> None:
    if all(store.can_sign(role) for role in ONLINE):
        store.refresh(force)
    else:
        print("boxes see this after: tools/release renew, where the snapshot and timestamp keys are")


def _after_root(store: Store, result: RootVerificationResult) -> int:
    if not _root_is_complete(result):
        return 1
    return _follow_root(store) if store.newest("timestamp") else _begin(store)


def _follow_root(store: Store) -> int:
    """Sign again what the root's keys do not vouch for; 1 and what must follow where a key for that is elsewhere."""
    stale = store.distrusted()
    if not stale:
        return 0
    signs_targets = "targets" not in stale or store.can_sign("targets")
    is_online = all(store.can_sign(role) for role in ONLINE)
    if "targets" in stale and signs_targets:
        store.close("targets", store.open("targets"))
    if is_online:
        store.refresh(force=True)
    if not signs_targets:
        print("boxes refuse updates until: tools/release renew targets, by the holder of the targets key")
    if not is_online:
        print("boxes refuse updates until: tools/release renew, where the snapshot and timestamp keys are")
    return 0 if signs_targets and is_online else 1


def _begin(store: Store) -> int:
    if not all(store.can_sign(role) for role in ("targets", *ONLINE)):
        print("the root is signed; where the other keys are, run once more: tools/release init")
        return 0
    store.begin()
    print(f"{store.folder} is ready to be served; give boxes {store.newest('root')} as their trust anchor")
    return 0


def _root_is_complete(result: RootVerificationResult) -> bool:
    if not result:
        missing = max(result.first.missing, result.second.missing)
        print(f"the root waits for {missing} more signature(s): tools/release sign, by the holders of other root keys")
    return bool(result)


def _full_keyid(store: Store, role: str, beginning: str) -> str:
    found = [keyid for keyid in store.trusted(role).keyids if keyid.startswith(beginning)]
    if len(found) != 1:
        raise UsageError(f"{beginning} names {len(found)} keys of {role}; tools/release status shows them")
    return found[0]


def _new_passphrase() -> str:
    first = getpass.getpass("new passphrase: ")
    if not first or first != getpass.getpass("the same again: "):
        raise UsageError("the passphrases are empty or differ; nothing was made")
    return first
