"""How much an uploader takes on, and how patient it is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DeliverySettings:
    """Times in seconds, sizes in bytes."""

    root: str = "packshot"  # first topic level of the installation
    group: str = "uploaders"  # uploaders of one group share the offers; empty = take all of them
    active: int = 4  # deliveries at once
    waiting: int = 4  # offers kept for later; more are left to others or to the offer's next repeat
    max_capture_bytes: int = 512 * 1024 * 1024
    reserve_bytes: int = 256 * 1024 * 1024  # left free on the disk of the work folder
    keep_parts_s: float = 24 * 3600.0  # parts of abandoned deliveries
    keep_ledger_s: float = 90 * 24 * 3600.0  # what was delivered is remembered so long; dead letters for ever
    retry_first_s: float = 2.0  # first pause when the storefront is unavailable ...
    retry_cap_s: float = 300.0  # ... and the longest
    hold_s: float = 60.0  # how long to keep a claim while the storefront is unavailable
    receipt_s: float = 20.0  # how long to try to send a receipt before the next offer asks for it again
    dry_run: bool = False  # fetch and check, tell what would be stored, store nothing and send no receipt
    url_prefixes: tuple[str, ...] = ()  # addresses in offers are fetched only below these
    url_token_file: str = ""  # its content is sent as Bearer token with such requests
    url_timeout_s: float = 30.0  # longest silence of such a server
    report_every: int = 8  # parts between two progress reports to the box
