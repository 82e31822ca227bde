"""Our own authority signs for our own names, and cars believe nobody else."""

from __future__ import annotations

import asyncio
import datetime
import ssl
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pixelopolis.errors import SettingsError
from server.identity.certificates import CA_FILE, TlsFiles, own_files

ED25519 = Ed25519PrivateKey.generate().private_bytes(
    Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
)
NOW = datetime.datetime.now(datetime.UTC)


async def greeting(files: TlsFiles, ca: Path, name: str) -> bytes:
    """Connect with TLS to a server with `files`, as a client that believes `ca`."""

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=files.context())
    port = server.sockets[0].getsockname()[1]
    try:
        context = ssl.create_default_context(cafile=ca)
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=context, server_hostname=name
        )
        said = await reader.read()
        writer.close()
        return said
    finally:
        server.close()


async def test_clients_of_our_authority_connect_by_any_name_and_no_others(tmp_path: Path) -> None:
    files = own_files(tmp_path / "tls", ("127.0.0.1", "::1", "desk.local"), NOW)
    ca = tmp_path / "tls" / CA_FILE
    for name in ("127.0.0.1", "desk.local"):
        assert await greeting(files, ca, name) == b"hello"
    with pytest.raises(ssl.SSLCertVerificationError):
        await greeting(files, ca, "evil.example")
    own_files(tmp_path / "other", ("127.0.0.1",), NOW)
    with pytest.raises(ssl.SSLCertVerificationError):
        await greeting(files, tmp_path / "other" / CA_FILE, "127.0.0.1")


async def test_the_authority_stays_when_the_server_starts_again(tmp_path: Path) -> None:
    own_files(tmp_path, ("127.0.0.1",), NOW)
    ca = (tmp_path / CA_FILE).read_bytes()
    files = own_files(tmp_path, ("127.0.0.1",), NOW)
    assert (tmp_path / CA_FILE).read_bytes() == ca
    assert await greeting(files, tmp_path / CA_FILE, "127.0.0.1") == b"hello"


def test_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    own_files(tmp_path, ("127.0.0.1",), NOW)
    for name in ("ca.key", "server.key"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_files_that_do_not_belong_together_are_named(tmp_path: Path) -> None:
    one, two = (own_files(tmp_path / name, ("127.0.0.1",), NOW) for name in ("1", "2"))
    with pytest.raises(SettingsError, match="--certificate"):
        TlsFiles(one.certificate, two.private_key).context()
    with pytest.raises(SettingsError, match="--private-key"):
        TlsFiles(one.certificate, tmp_path / "none").context()


@pytest.mark.parametrize("name", [CA_FILE, "ca.key"])
@pytest.mark.parametrize("text", [b"", b"no PEM", ED25519])
def test_a_damaged_authority_is_named_and_kept(tmp_path: Path, name: str, text: bytes) -> None:
    own_files(tmp_path, ("127.0.0.1",), NOW)
    (tmp_path / name).write_bytes(text)
    with pytest.raises(SettingsError, match=r"ca\.pem' with 'ca\.key' is no authority"):
        own_files(tmp_path, ("127.0.0.1",), NOW)
    assert (tmp_path / name).read_bytes() == text


def test_what_is_no_host_name_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--name: 'b\u00fccher' is no host name"):
        own_files(tmp_path, ("127.0.0.1", "b\u00fccher"), NOW)
