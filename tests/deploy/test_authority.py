"""A box that made its own key gets a certificate for its name, and for nothing else."""

import subprocess
from pathlib import Path

import pytest

from packshot.provision import provision

AUTHORITY = Path(__file__).resolve().parents[2] / "deploy/mosquitto/packshot-ca"


class Authority:
    """An authority in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        assert self("init").returncode == 0

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command, environment = [str(AUTHORITY), *arguments], {"PACKSHOT_CA": "ca", "PATH": "/usr/bin:/bin"}
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True)

    def certificate(self, name: str, *questions: str) -> str:
        """What openssl says of an issued certificate."""
        return openssl("x509", "-in", str(self.folder / f"ca/{name}.crt"), "-noout", *questions)


def openssl(*arguments: str) -> str:
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def request(folder: Path, subject: str, *more: str) -> str:
    """A certificate request as a stranger may make it."""
    made = folder / "made.csr"
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(folder / "made.key"))
    openssl("req", "-new", *key, "-subj", subject, *more, "-out", str(made))
    return str(made)


def test_a_box_s_request_is_signed_and_fits_its_key(authority: Authority, tmp_path: Path) -> None:
    box = provision(tmp_path / "box", "studio-7")
    done = authority("sign", str(box.request))
    assert done.returncode == 0, done.stderr
    assert "/etc/packshot/tls/client.crt" in done.stdout
    issued = tmp_path / "ca/studio-7.crt"
    chain = openssl("verify", "-CAfile", str(tmp_path / "ca/ca.crt"), "-purpose", "sslclient", str(issued))
    assert chain.endswith(": OK\n")
    assert authority.certificate("studio-7", "-pubkey") == openssl("pkey", "-in", str(box.key), "-pubout")
    assert authority("list").stdout == "V studio-7\n"


def test_a_second_certificate_of_a_name_needs_a_revocation_first(authority: Authority, tmp_path: Path) -> None:
    box = provision(tmp_path / "box", "studio-7")
    authority("sign", str(box.request))
    again = authority("sign", str(box.request))
    assert again.returncode == 2
    assert again.stderr == "packshot-ca: studio-7 has a certificate already; revoke it first\n"
    assert authority("revoke", "studio-7").returncode == 0
    assert authority("sign", str(box.request)).returncode == 0


def test_a_request_to_become_an_authority_becomes_a_client(authority: Authority, tmp_path: Path) -> None:
    wished = request(tmp_path, "/CN=studio-8", "-addext", "basicConstraints=critical,CA:true")
    assert authority("sign", wished).returncode == 0
    extensions = authority.certificate("studio-8", "-ext", "basicConstraints,extendedKeyUsage")
    assert "CA:FALSE" in extensions
    assert "TLS Web Client Authentication" in extensions


@pytest.mark.parametrize("subject", ["/CN=uploader", "/CN=Studio", "/CN=+", "/O=shop/CN=studio-9", "/CN=a b"])
def test_a_name_that_cannot_be_a_user_is_refused(authority: Authority, tmp_path: Path, subject: str) -> None:
    refused = authority("sign", request(tmp_path, subject))
    assert refused.returncode == 2
    assert refused.stderr.startswith("packshot-ca: the name '")
    assert authority("list").stdout == ""


def test_a_request_changed_on_its_way_is_refused(authority: Authority, tmp_path: Path) -> None:
    path = Path(request(tmp_path, "/CN=studio-8"))
    der = bytearray(subprocess.run(["openssl", "req", "-in", path, "-outform", "DER"], capture_output=True).stdout)
    der[der.index(b"studio-8") + 7] = ord("9")
    path.write_bytes(bytes(der))
    pem = subprocess.run(["openssl", "req", "-inform", "DER", "-in", path], capture_output=True, text=True).stdout
    path.write_text(pem)
    refused = authority("sign", str(path))
    assert refused.returncode == 2
    assert "changed on its way" in refused.stderr


def test_what_is_no_request_is_refused(authority: Authority) -> None:
    assert "there is no request" in authority("sign", "gone.csr").stderr
    assert authority("sign").returncode == 2
