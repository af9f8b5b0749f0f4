"""Takes secrets out of text that leaves the box."""

import re
from collections.abc import Collection, Mapping
from typing import Any

HIDDEN = "[hidden]"
SHORTEST_SECRET = 4  # shorter ones would blot out half the text and protect nothing
SECRET_NAME = re.compile(
    r"password|passwd|passphrase|secret|token|credential|api_?key|access_?key|private_?key|authorization|cookie", re.I
)
PATH_NAME = re.compile(r"_(file|path)$")

PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S)
IN_ADDRESS = re.compile(r"(?<=://)[^/\s\"']+@")  # up to the last @: cameras take passwords with one in them
# name = "value", name: value, name=value; in TOML, JSON, headers, queries and log lines, where JSON stands in quotes
NAMED = re.compile(
    r"(?i)([\w-]*(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|signature|cookie|authorization"
    r"|SetCredential|SetCredentialEncrypted)(?:\\?[\"'])?\s*[:=]\s*)"
    r"(\"(?:\\.|[^\"\\\n])*\"?|\\\"(?:\\{3}\"|\\(?!\")|[^\"\\\n])*(?:\\\")?|'[^'\n]*'"
    r"|(?:bearer|basic|digest)\s+[^\s,;\"']+|[^\s,;&\"'}\[]+)"
)
QUOTE = re.compile(r"\\?[\"']")


def hide_values(table: Mapping[str, Any]) -> dict[str, Any]:
    """The nested table with every value whose key names a secret replaced; paths to secrets stay."""
    return {key: _hidden(key, value) for key, value in table.items()}


def _hidden(key: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return hide_values(value)
    return HIDDEN if value and is_secret_name(key) else value


def is_secret_name(key: str) -> bool:
    """Whether a key of this name holds a secret itself, and not the path of one."""
    return bool(SECRET_NAME.search(key)) and not PATH_NAME.search(key)


def secret_values(table: Mapping[str, Any]) -> set[str]:
    """Every text in the nested table whose key names a secret."""
    found: set[str] = set()
    for key, value in table.items():
        if isinstance(value, Mapping):
            found |= secret_values(value)
        elif isinstance(value, str) and is_secret_name(key):
            found.add(value)
    return found


def hide_secrets(text: str, known: Collection[str] = ()) -> str:
    """The text without the ``known`` secrets, passwords in addresses, private keys, and values after telling names."""
    for secret in sorted(known, key=len, reverse=True):
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, HIDDEN)
    text = PRIVATE_KEY.sub(HIDDEN, text)
    text = IN_ADDRESS.sub(f"{HIDDEN}@", text)
    return NAMED.sub(_hide_named, text)


def _hide_named(found: re.Match[str]) -> str:
    name, value = found.groups()
    opening = QUOTE.match(value)
    quote = opening.group() if opening else ""
    return f"{name}{quote}{HIDDEN}{quote}"
