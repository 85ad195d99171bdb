"""What the harness needs to know of a proxy."""

import re
import subprocess
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Setup:
    """What a proxy is configured for."""

    # For configuration and temporary files.
    folder: Path
    port: int
    backend_port: int
    # Exact routes to configure; empty means that everything goes to the backend.
    routes: list[str]
    # For many WebSockets that stay, instead of requests.
    websocket: bool = False
    # A PEM file with a certificate and its key: the proxy speaks TLS to its callers. None: it does not.
    certificate: Path | None = None
    # HTTP/2 beside HTTP/1.1.
    http2: bool = False
    # The backend takes calls of gRPC, and so HTTP/2 by prior knowledge only.
    grpc: bool = False
    # See `Case.policies`, and `Case.count` for how many there are of what they look for.
    policies: str = ""
    count: int = 0

    @property
    def scheme(self) -> str:
        return "https" if self.certificate else "http"


class Proxy(ABC):
    """How one proxy is configured and started."""

    name: str
    environment: dict[str, str] = {}
    # Takes part only in cases that name it.
    is_invited = False

    @abstractmethod
    def command(self, setup: Setup) -> list[str]:
        """Writes the configuration and returns the command that runs it in the foreground."""

    @abstractmethod
    def version_command(self) -> list[str]:
        """Prints the version."""

    def version(self) -> str:
        result = subprocess.run(
            self.version_command(), stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        number = re.search(r"\d+\.\d+(\.\d+)?", result.stdout + result.stderr)
        return number.group() if number else "unknown"
