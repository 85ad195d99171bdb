"""What proxies are told to do with requests, and what callers send for it."""

import base64
import functools
import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

# Of the one caller that there is.
KEY = "benchmark-key-0123456789abcdef"


@dataclass(frozen=True)
class Token:
    """A signed token that is good for ever, and the key that it is checked with, in PEM."""

    text: str
    public_key: str


# Of a consumer or a caller by its number; the load generator knows them, too.
def key(number: int) -> str:
    return f"benchmark-key-{number:07d}"


def address(number: int) -> str:
    return f"10.{number >> 8 & 255}.{number & 255}.200"


def network(number: int) -> str:
    """The half of the caller's network that it is not in, so that a look-up has to look closely."""
    return f"10.{number >> 8 & 255}.{number & 255}.0/25"


def headers(policies: str) -> dict[str, str]:
    """What a caller sends beside what every request has."""
    if policies in {"chain", "key-auth", "acl", "rate-limit"}:
        return {"apikey": KEY}
    if policies == "consumers":
        return {"apikey": key(0)}
    if policies == "networks":
        return {"X-Forwarded-For": address(0)}
    if policies == "jwt":
        return {"Authorization": f"Bearer {token().text}"}
    return {}


@functools.cache
def token() -> Token:
    with tempfile.TemporaryDirectory(prefix="bench-token-") as folder:
        key = Path(folder) / "key.pem"
        _openssl("genrsa", "-out", str(key), "2048")
        public_key = _openssl("rsa", "-in", str(key), "-pubout").decode()
        claims = {"iss": "https://login.test", "sub": "alice", "exp": 4_102_444_800}
        signed = f"{_part({'alg': 'RS256', 'typ': 'JWT'})}.{_part(claims)}"
        signature = _openssl("dgst", "-sha256", "-sign", str(key), text=signed.encode())
        return Token(f"{signed}.{_encoded(signature)}", public_key)


def _part(value: dict[str, object]) -> str:
    return _encoded(json.dumps(value).encode())


def _encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def _openssl(*arguments: str, text: bytes = b"") -> bytes:
    return subprocess.run(
        ["openssl", *arguments], input=text, capture_output=True, check=True
    ).stdout
