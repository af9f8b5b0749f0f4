"""A tiny wheelhouse: a ``packshot`` that answers ``selftest --json`` and ``update selfcheck``, and one dependency."""

import base64
import hashlib
import io
import zipfile

PROGRAM = """
import json, sys
import ruler

def main():
    if "selftest" in sys.argv:
        parts = [word.partition("=")[2] for word in sys.argv if word.startswith("--part=")]
        for part in parts:
            print(json.dumps({"part": part, "ok": part not in {broken!r}, "text": ruler.LENGTH}))
    return 0
"""


def wheel(name: str, version: str, files: dict[str, str], requires: str = "", tag: str = "py3-none-any") -> bytes:
    """A wheel of these files; ``packshot`` gets its command."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    contents = {
        **files,
        f"{info}/METADATA": metadata + (f"Requires-Dist: {requires}\n" if requires else ""),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    if name == "packshot":
        contents[f"{info}/entry_points.txt"] = "[console_scripts]\npackshot = packshot:main\n"
    record = "".join(f"{path},sha256={_digest(text)},{len(text)}\n" for path, text in contents.items())
    contents[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, text in contents.items():
            archive.writestr(zipfile.ZipInfo(path, (2026, 1, 1, 0, 0, 0)), text)
    return packed.getvalue()


def wheelhouse(version: str, broken: tuple[str, ...] = (), tag: str = "py3-none-any") -> dict[str, bytes]:
    """File name to bytes; ``broken`` parts fail in the selftest."""
    program = PROGRAM.replace("{broken!r}", repr(set(broken)))
    return {
        f"packshot-{version}-py3-none-any.whl": wheel("packshot", version, {"packshot.py": program}, "ruler==1.0"),
        f"ruler-1.0-{tag}.whl": wheel("ruler", "1.0", {"ruler.py": "LENGTH = 'thirty centimetres'\n"}, tag=tag),
    }


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
