"""``packshot provision``: id, key and certificate request of a new box."""

import argparse
from pathlib import Path

from packshot.config import DEFAULT_PATH


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Runs at the first boot; running it again changes nothing."""
    parser.add_argument("--folder", type=Path, default=DEFAULT_PATH.parent, help="default: %(default)s")
    parser.add_argument("--device-id", default="", metavar="ID", help="default: device.id, else from the serial number")


def run(args: argparse.Namespace) -> int:
    """Make what is missing and say it."""
    from packshot.config import Config, load, with_values
    from packshot.platform.procfs import HostFiles
    from packshot.provision import derived_id, provision

    main_file = args.folder / DEFAULT_PATH.name
    known = load(main_file, {}).config.device.id if main_file.exists() else ""
    device_id = args.device_id or known or derived_id(HostFiles())
    with_values(Config(), device={"id": device_id})  # raises ConfigError for what cannot be an id
    done = provision(args.folder, device_id, configured=known)
    print(f"device id            {done.device_id}")
    print(f"certificate request  {done.request}  (have it signed, put the answer beside it as client.crt)")
    print("\n".join(f"made                 {file}" for file in done.made) or "nothing to do")
    return 0
