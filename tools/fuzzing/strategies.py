"""Bytes that are nearly right: seeds with a few edits, and JSON of the right shape with wrong values."""

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

Json = Any
awkward = st.sampled_from(
    [0, -1, 1, 2**31, 2**63, -(2**63), 1e308, "", "\0", "../..", "\u202e", "x" * 5000, None, [], {}]
)
json_values: st.SearchStrategy[Json] = st.recursive(
    awkward | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=10,
)


@st.composite
def edited(draw: st.DrawFn, seeds: Sequence[bytes], most: int = 6) -> bytes:
    """A seed with up to ``most`` edits: bytes changed, cut out, doubled or put in, or the end cut off."""
    data = bytearray(draw(st.sampled_from(list(seeds))))
    for _ in range(draw(st.integers(0, most))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        length = draw(st.integers(1, 16))
        match draw(st.sampled_from(["change", "cut", "double", "insert", "truncate"])):
            case "change":
                data[at : at + length] = draw(st.binary(min_size=1, max_size=length))
            case "cut":
                del data[at : at + length]
            case "double":
                data[at:at] = data[at : at + length]
            case "insert":
                data[at:at] = draw(st.binary(min_size=1, max_size=length))
            case _:
                del data[at:]
    return bytes(data)


@st.composite
def reshaped(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    """A JSON seed with some of its values replaced, removed or nested deeper."""
    document = json.loads(draw(st.sampled_from(list(seeds))))
    for _ in range(draw(st.integers(1, 3))):
        _change_somewhere(draw, document)
    return json.dumps(document, allow_nan=True).encode()


def _change_somewhere(draw: st.DrawFn, document: Json) -> None:
    while isinstance(document, dict) and document:
        key = draw(st.sampled_from(sorted(document)))
        if isinstance(document[key], dict | list) and document[key] and draw(st.booleans()):
            document = document[key] if isinstance(document[key], dict) else document[key][0]
            continue
        if draw(st.booleans()):
            document[key] = draw(json_values)
        else:
            del document[key]
        return
