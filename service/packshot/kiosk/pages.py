"""The pages as the browser gets them: HTML with the script that watches over its loading set in.

A page whose other files never came, since the box went away between two of them, can only be helped by a script that
came with the page itself.
"""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from packshot.kiosk.door import content_policy

PAGES = {"/": "booth.html", "/id": "id.html", "/admin": "admin.html"}
PLACE = '<script src="/static/js/watch.js"></script>'


def page_routes(folder: Path, id_photos: bool) -> list[Route]:
    """A route for every page in ``folder``; the ID photo page only where there are ID photos."""
    script = (folder / "js" / "watch.js").read_text("utf-8")
    names = {path: name for path, name in PAGES.items() if id_photos or path != "/id"}
    return [_route(path, (folder / name).read_text("utf-8"), script) for path, name in names.items()]


def _route(path: str, html: str, script: str) -> Route:
    page = html.replace(PLACE, f"<script>{script}</script>")
    headers = {"content-security-policy": content_policy(script)}

    def serve(_: Request) -> Response:
        return Response(page, media_type="text/html; charset=utf-8", headers=headers)

    return Route(path, serve, methods=["GET"])
