"""The certificate that every proxy shows when it speaks TLS."""

import subprocess
from pathlib import Path


def make_certificate(folder: Path) -> Path:
    """Writes an ECDSA P-256 certificate and its key, in one PEM file."""
    key, certificate, both = (folder / name for name in ("tls.key", "tls.crt", "tls.pem"))
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-nodes", "-days", "2"),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    both.write_text(certificate.read_text() + key.read_text())
    # nginx opens it as root, and nobody else needs it.
    both.chmod(0o600)
    return both
