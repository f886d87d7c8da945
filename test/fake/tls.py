"""Certificates for the TLS ports, made by the openssl command: a CA and what it signed.

Copyright (c) 2026, dataops authors; PostgreSQL License
"""
import pathlib
import ssl
import subprocess

KINDS = {               # name of the port → (host names of the certificate, its days)
    "tls": ("IP:127.0.0.1,DNS:localhost", 30),
    "tls-expired": ("IP:127.0.0.1,DNS:localhost", -1),
    "tls-wrong-host": ("DNS:other.test", 30),
}


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def make_authority(folder):
    """ca.pem and ca.key in a folder, unless they are there."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "ca.pem").exists():
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                "-nodes", "-days", 30, "-subj", "/CN=dataops test authority",
                "-keyout", folder / "ca.key", "-out", folder / "ca.pem")
    return folder


def context(folder, kind):
    """The server side of TLS with a fresh certificate of one of KINDS."""
    names, days = KINDS[kind]
    request, key, chain = (folder / f"{kind}.{end}" for end in ("csr", "key", "pem"))
    extensions = folder / f"{kind}.ext"
    extensions.write_text(f"subjectAltName={names}\n")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-subj", f"/CN={kind}", "-keyout", key, "-out", request)
    openssl("x509", "-req", "-in", request, "-CA", folder / "ca.pem", "-CAkey", folder / "ca.key",
            "-CAcreateserial", "-days", days, "-extfile", extensions, "-out", chain)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain, key)
    return server
