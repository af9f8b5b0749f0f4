"""What may be told of a camera: logs, the state and the spool are read by more people than the configuration is."""

import re

USER = re.compile(r"(?<=://)[^\s/\"']*@")  # up to the last @: passwords may hold one, and ? and #
QUERY = re.compile(r"(://[^\s?#\"']*)[?#][^\s\"']*")
PASSWORD = re.compile(r"\b([a-z-]*(?:pw|password)\s*=\s*)(\"[^\"]*\"|\S+)")


def public_source(source: str) -> str:
    """The source without what its addresses hold of user, password and query, and its pipeline of passwords.

    >>> public_source("rtsp://user:p@ss@camera/stream?key=1")
    'rtsp://camera/stream'
    """
    return PASSWORD.sub(r"\1...", QUERY.sub(r"\1", USER.sub("", source)))
