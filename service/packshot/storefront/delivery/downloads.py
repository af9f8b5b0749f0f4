"""Claim check, the uploader's half: fetch artefacts from the addresses in an offer.

An address in an offer is a stranger's word. Only those below the configured prefixes are fetched, redirects are not
followed, and never more bytes are written than were offered.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from packshot.messages import Offer, OfferedArtefact
from packshot.platform.backoff import Backoff
from packshot.platform.web import Unreachable, Web, url_for_people
from packshot.storefront.delivery.gathering import Gathering
from packshot.storefront.delivery.reasons import NotNow

MAX_ATTEMPTS = 8  # without a single new byte
RETRY_FIRST_S = 0.5
RETRY_CAP_S = 10.0


@dataclass(frozen=True)
class Downloads:
    """``prefixes``: addresses must begin with one of these, each up to a slash."""

    web: Web
    prefixes: Sequence[str]
    closing: threading.Event

    def fetch(self, offer: Offer, gathering: Gathering) -> None:
        """Complete every artefact that has an address; goes on where it was. Raises NotNow."""
        for artefact in offer.artefacts:
            if artefact.url and artefact.bytes:
                self._check(artefact)
                self._fetch_one(artefact, gathering)

    def _check(self, artefact: OfferedArtefact) -> None:
        below = any(artefact.url.startswith(f"{prefix.rstrip('/')}/") for prefix in self.prefixes)
        if not below or _climbs(artefact.url):
            where = url_for_people(artefact.url)[:200]
            raise NotNow(f"{where} is below none of uploader.url_prefixes; add its store there if you trust it")

    def _fetch_one(self, artefact: OfferedArtefact, gathering: Gathering) -> None:
        path, backoff = gathering.path(artefact.name), Backoff(RETRY_FIRST_S, RETRY_CAP_S)
        while backoff.attempts < MAX_ATTEMPTS:
            before = path.stat().st_size
            try:
                answer = self.web.download(artefact.url, path, artefact.bytes)
            except Unreachable as error:
                trouble = str(error)
            except OSError as error:
                raise NotNow(f"the work folder cannot be written: {error}") from error
            else:
                if answer.ok:
                    return
                trouble = f"{url_for_people(artefact.url)} was answered with {answer.reason}"
                if 400 <= answer.status < 500:
                    raise NotNow(f"{trouble}; the box's next offer brings a new address")
            if path.exists() and path.stat().st_size > before:
                backoff.reset()
            if self.closing.wait(backoff.next_s()):
                raise NotNow("the uploader stops")
        raise NotNow(trouble)


def _climbs(url: str) -> bool:
    """Whether a server may take the address for one above its prefix."""
    path = unquote(urlsplit(url).path).replace("\\", "/")
    return any(part in (".", "..") for part in path.split("/"))
