"""A small certificate authority of our own, for towns without one."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pixelopolis.errors import SettingsError
from pixelopolis.identity.private_file import write_private

CA_DAYS: Final = 3650
SERVER_DAYS: Final = 397
"""Browsers accept no longer ones; a new one is made at each start."""

CA_FILE: Final = "ca.pem"


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Certificate chain and private key of a server, as PEM files."""

    certificate: Path
    private_key: Path

    def context(self) -> ssl.SSLContext:
        """Return how to serve with them: TLS 1.2 and newer.

        Raises:
            SettingsError: they cannot be used.
        """
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        try:
            context.load_cert_chain(self.certificate, self.private_key)
        except OSError as error:  # ssl.SSLError is one
            raise SettingsError(
                f"--certificate {str(self.certificate)!r}, --private-key "
                f"{str(self.private_key)!r}: they cannot be used ({error}).",
                "Name PEM files of one certificate and its key.",
            ) from error
        return context


def own_files(folder: Path, names: Iterable[str], now: datetime.datetime) -> TlsFiles:
    """Return a new certificate for some names and addresses, of the folder's own authority.

    Args:
        folder: has `ca.pem`, which clients get, and the keys; made if there is none.
        names: host names and IP addresses of the server.
        now: with a time zone.

    Raises:
        SettingsError: the authority's files, or a name, cannot be used.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    ca_file, ca_key_file = folder / CA_FILE, folder / "ca.key"
    if ca_file.is_file() and ca_key_file.is_file():
        ca, ca_key = _authority_of(ca_file, ca_key_file)
    else:
        ca_key = ec.generate_private_key(ec.SECP256R1())
        ca = _authority(ca_key, now)
        write_private(ca_key_file, _private(ca_key))
        ca_file.write_bytes(ca.public_bytes(Encoding.PEM))
    key = ec.generate_private_key(ec.SECP256R1())
    files = TlsFiles(folder / "server.pem", folder / "server.key")
    write_private(files.private_key, _private(key))
    certificate = _of_server(key, names, ca, ca_key, now)
    files.certificate.write_bytes(
        certificate.public_bytes(Encoding.PEM) + ca.public_bytes(Encoding.PEM)
    )
    return files


def _authority_of(
    file: Path, key_file: Path
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Return the authority that was made before.

    Raises:
        SettingsError: its files cannot be used.
    """
    try:
        key = load_pem_private_key(key_file.read_bytes(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError("another kind of key")
        return x509.load_pem_x509_certificate(file.read_bytes()), key
    except (OSError, ValueError, TypeError) as error:
        raise SettingsError(
            f"--data: {str(file)!r} with {key_file.name!r} is no authority: {error}.",
            "Restore both files, or remove both; then cars need the new ca.pem.",
        ) from error


def _authority(key: ec.EllipticCurvePrivateKey, now: datetime.datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Pixelopolis town")])
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    subject_key = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        _builder(name, name, key.public_key(), now, CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(subject_key, critical=False)
        .sign(key, hashes.SHA256())
    )


def _of_server(
    key: ec.EllipticCurvePrivateKey,
    names: Iterable[str],
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    now: datetime.datetime,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Pixelopolis server")])
    known = [_general_name(name) for name in dict.fromkeys(names)]
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    return (
        _builder(subject, ca.subject, key.public_key(), now, SERVER_DAYS)
        .add_extension(x509.SubjectAlternativeName(known), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(issuer, critical=False)
        .sign(ca_key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: datetime.datetime,
    days: int,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))  # clocks of cars may be behind
        .not_valid_after(now + datetime.timedelta(days=days))
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    try:
        return x509.DNSName(name)
    except ValueError as error:
        raise SettingsError(
            f"--name: {name!r} is no host name.", "Write it in ASCII, as in xn--..."
        ) from error


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
