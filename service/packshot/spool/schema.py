"""Tables of the index and how older ones become newer ones.

Changes only add (expand-only), so that a release can be rolled back over a newer index. ``user_version`` is
1000 x GENERATION + number of steps applied: a higher number of steps is read without harm, a higher generation is
refused. Only a change that older releases could not live with would raise GENERATION.
"""

import sqlite3
from collections.abc import Sequence

from packshot.errors import SpoolError

GENERATION = 0
APPLICATION_ID = 0x7061636B  # "pack", so that file(1) and a person can tell whose database this is
STEP_RANGE = 1000
OWN_TABLES = frozenset({"captures", "requests", "revisions", "last_capture"})

STEPS: tuple[str, ...] = (
    """
    CREATE TABLE captures (
        capture_id TEXT PRIMARY KEY,
        request_id TEXT NOT NULL,
        stage TEXT NOT NULL,
        kept TEXT NOT NULL,               -- 'files', 'entry' (files deleted) or 'request' (purged, remembered only)
        accepted_ms INTEGER,              -- wall clock, NULL while it was not synchronised
        ended_ms INTEGER,                 -- the same, of the last change to an ended stage
        stored_bytes INTEGER NOT NULL,
        original_bytes INTEGER NOT NULL,
        record TEXT NOT NULL              -- the JSON of record.py
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX captures_by_stage ON captures (stage, capture_id);
    CREATE INDEX captures_by_use ON captures (kept, stage, stored_bytes, original_bytes, accepted_ms);
    CREATE TABLE requests (
        request_id TEXT PRIMARY KEY,
        capture_id TEXT NOT NULL,
        seen_ms INTEGER                   -- wall clock, NULL while it was not synchronised
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE revisions (              -- the newest retake of each SKU and angle, for ever
        sku TEXT NOT NULL,
        angle INTEGER NOT NULL,
        revision INTEGER NOT NULL,
        capture_id TEXT NOT NULL,
        PRIMARY KEY (sku, angle)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE last_capture (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), capture_id TEXT NOT NULL) STRICT;
    """,
)


def migrate(connection: sqlite3.Connection, steps: Sequence[str] = STEPS, generation: int = GENERATION) -> None:
    """Apply the steps that the database lacks, each with its number in one transaction.

    Raises SpoolError when the database belongs to another program or to a newer generation.
    """
    refuse_foreign(connection, generation)
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    for number in range(version % STEP_RANGE, len(steps)):
        connection.executescript(
            f"BEGIN IMMEDIATE; {steps[number]}; PRAGMA application_id = {APPLICATION_ID};"
            f" PRAGMA user_version = {generation * STEP_RANGE + number + 1}; COMMIT;"
        )


def refuse_foreign(connection: sqlite3.Connection, generation: int = GENERATION) -> None:
    """Raise SpoolError unless the database is empty or one that this packshot can use."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if tables and not tables & OWN_TABLES:
        raise SpoolError("index.sqlite in the spool is not packshot's; move it away or choose another folder")
    if version // STEP_RANGE > generation:
        raise SpoolError(f"the spool was written by a newer packshot (schema {version}); update packshot to open it")
