"""System calls get the right crash point's name."""

from pathlib import Path

from tools.torturing.aim import named, point_hit
from tools.torturing.calls import Shot, read_calls
from tools.torturing.points import Victim

CAPTURE = "01m821veva24veh7gxed0zhqnz"
ACCEPTING = f"""\
7 mkdir("/box/spool/captures/{CAPTURE}.new", 0750) = 0
7 write(17</box/spool/captures/{CAPTURE}.new/original.jpg>, "x", 1) = 1
7 fsync(17</box/spool/captures/{CAPTURE}.new/original.jpg>) = 0
7 fsync(17</box/spool/captures/{CAPTURE}.new>) = 0
7 rename("/box/spool/captures/{CAPTURE}.new", "/box/spool/captures/{CAPTURE}") = 0
7 fsync(17</box/spool/captures>) = 0
7 pwrite64(9</box/spool/index.sqlite-wal>, "x", 24, 32) = 24
7 fdatasync(9</box/spool/index.sqlite-wal>) = 0
8 sendto(11<socket:[1]>, "2\\250packshot/box/response/capture\\0\\r", 27) = 27
8 sendto(11<socket:[1]>, "@\\2\\0\\1", 4, 0, NULL, 0) = 4
"""
DELIVERING = f"""\
8 sendto(11<socket:[1]>, "2\\250packshot/box/offer/{CAPTURE}\\0\\v\\0{{", 27) = 27
8 recvfrom(11<socket:[1]>, "@", 1, 0, NULL, NULL) = 1
8 recvfrom(11<socket:[1]>, "\\2", 1, 0, NULL, NULL) = 1
8 recvfrom(11<socket:[1]>, "\\0\\v", 2, 0, NULL, NULL) = 2
8 recvfrom(11<socket:[1]>, "2", 1, 0, NULL, NULL) = 1
8 recvfrom(11<socket:[1]>, "\\0packshot/box/receipt/{CAPTURE}", 60, 0, NULL, NULL) = 60
9 fsync(17</box/spool/captures/{CAPTURE}/_capture.json.tmp~>) = 0
9 unlink("/box/spool/captures/{CAPTURE}/original.jpg") = 0
"""
UPLOADING = """\
5 fdatasync(8</work/ledger.sqlite-wal>) = 0
5 write(17</box/shop/A-0/.incoming/A-0_0.webp>, "RIFF", 4) = 4
5 rename("/box/shop/A-0/.incoming/A-0_0.packshot.json", "/box/shop/A-0/A-0_0.packshot.json") = 0
5 fsync(16</box/shop/A-0>) = 0
5 fdatasync(8</work/ledger.sqlite-wal>) = 0
6 sendto(10<socket:[2]>, "2\\215packshot/box/receipt/x\\0\\10", 40) = 40
"""
UPLOADING_TO_WEB = """\
5 fdatasync(8</work/ledger.sqlite-wal>) = 0
5 sendto(9<socket:[3]>, "PUT /shop/A-0/A-0_0.packshot.json HTTP/1.1\\r", 40) = 40
5 recvfrom(9<socket:[3]>, "HTTP/1.1 201", 12) = 12
5 sendto(9<socket:[3]>, "PUT /shop/A-0/A-0_0.webp HTTP/1.1\\r", 40) = 40
5 recvfrom(9<socket:[3]>, "HTTP/1.1 201", 12) = 12
5 sendto(9<socket:[3]>, "PUT /shop/A-0/A-0_0.packshot.json HTTP/1.1\\r", 40) = 40
5 sendto(9<socket:[3]>, "{", 1) = 1
5 recvfrom(9<socket:[3]>, "HTTP/1.1 204", 12) = 12
5 pwrite64(8</work/ledger.sqlite-wal>, "x", 24, 32) = 24
5 fdatasync(8</work/ledger.sqlite-wal>) = 0
6 sendto(10<socket:[2]>, "2\\215packshot/box/receipt/x\\0\\10", 40) = 40
"""


def points(victim: Victim, log: str, folder: Path) -> list[str]:
    (folder / "log").write_text(log)
    return named(victim, read_calls(folder / "log"))


def test_from_the_first_byte_to_the_acknowledgement(tmp_path: Path) -> None:
    expected = ["S1", "S1", "S2", "S3", "S3", "S4", "S5", "S5", "S6", ""]
    assert points(Victim.DAEMON, ACCEPTING, tmp_path) == expected


def test_from_the_offer_to_the_deletion(tmp_path: Path) -> None:
    expected = ["", "S9", "S9", "S9", "S10", "S10", "S11", "S12"]
    assert points(Victim.DAEMON, DELIVERING, tmp_path) == expected


def test_from_the_intent_to_the_receipt(tmp_path: Path) -> None:
    assert points(Victim.UPLOADER, UPLOADING, tmp_path) == ["S14", "S14", "", "S15", "S15", "S16"]


def test_from_the_intent_to_the_receipt_of_a_web_storefront(tmp_path: Path) -> None:
    expected = ["S14"] * 7 + ["S15"] * 3 + ["S16"]
    assert points(Victim.UPLOADER, UPLOADING_TO_WEB, tmp_path) == expected


def test_a_shot_counts_the_calls_of_each_thread(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("1 fsync(3</x>) = 0\n" + ACCEPTING)
    assert point_hit(Victim.DAEMON, log, Shot("fsync", 2)) == "S3"
    assert point_hit(Victim.DAEMON, log, Shot("fsync", 9)) == ""
