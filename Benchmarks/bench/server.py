"""A server process that runs while a measurement needs it."""

import contextlib
import http.client
import os
import signal
import ssl
import subprocess
import time
from pathlib import Path
from typing import TypeVar

from bench import machine


_Self = TypeVar("_Self", bound="Server")


class ServerFailed(Exception):
    """A server did not start or did not answer."""


class Server:
    """A running server, pinned to one processor. Use it as a context manager."""

    def __init__(
        self,
        command: list[str],
        folder: Path,
        port: int,
        cpu: int,
        environment: dict[str, str] | None = None,
        encrypted: bool = False,
    ) -> None:
        self.port = port
        self.folder = folder
        self._encrypted = encrypted
        self._name = " ".join(command)
        self._log = folder / "output.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                ["taskset", "-c", str(cpu), *command],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def wait_until_ready(
        self, path: str, seconds: float = 60, headers: dict[str, str] | None = None
    ) -> None:
        """Returns when GET answers 200."""
        deadline = time.monotonic() + seconds
        while True:
            problem = ""
            try:
                status, _ = get(self.port, path, self._encrypted, headers)
                if status == 200:
                    return
                problem = f"status {status}"
            except (OSError, http.client.HTTPException) as error:
                problem = str(error)
            if self._process.poll() is not None or time.monotonic() > deadline:
                output = self._log.read_text(errors="replace")[-2_000:]
                raise ServerFailed(f"{self._name}: {problem}\n{output}")
            time.sleep(0.02)

    def processes(self) -> list[int]:
        return machine.process_tree(self._process.pid)

    def stop(self) -> None:
        """Ends the whole session that the server started, politely first."""
        self._signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=3)
        self._signal(signal.SIGKILL)
        self._process.wait()

    def end_traced(self) -> None:
        """Asks the proxy to end, and waits for the tracer that started it."""
        for process in machine.children(self._process.pid):
            os.kill(process, signal.SIGTERM)
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired as error:
            raise ServerFailed(f"{self._name} does not end") from error

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


def get(
    port: int, path: str, encrypted: bool = False, headers: dict[str, str] | None = None
) -> tuple[int, str]:
    """One GET on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    if encrypted:
        # The certificate is of the benchmark's own making.
        context = ssl._create_unverified_context()
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context)
    try:
        connection.request("GET", path, headers=headers or {})
        response = connection.getresponse()
        return response.status, response.read().decode(errors="replace")
    finally:
        connection.close()
