"""The load generator: wrk with one thread."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass

from bench import machine, policies
from bench.cases import Case
from bench.install import tool
from bench.paths import LOAD_SCRIPT, RESUME_SCRIPT


@dataclass(frozen=True)
class LoadResult:
    """What the generator saw; latencies are in microseconds."""

    requests: int
    bytes: int
    p50: int
    p99: int
    errors: int


# Callers from so many addresses, however many networks are looked for.
_ADDRESSES = 10_000


class Load:
    """A load run in progress."""

    def __init__(self, case: Case, port: int, seconds: int) -> None:
        self._seconds = seconds
        command = ["taskset", "-c", str(machine.OTHER_CPU), *_generator(case, port, seconds)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **_shape(case)},
        )

    def result(self) -> LoadResult:
        """Waits for the end of the run."""
        try:
            output, _ = self._process.communicate(timeout=self._seconds + 30)
        finally:
            self.stop()
        for line in output.splitlines():
            if line.startswith("RESULT "):
                return LoadResult(**json.loads(line.removeprefix("RESULT ")))
        raise RuntimeError(f"the load generator failed:\n{output}")

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


def _generator(case: Case, port: int, seconds: int) -> list[str]:
    if case.resume:
        # wrk never resumes a session.
        return [sys.executable, str(RESUME_SCRIPT), str(port), case.path, str(seconds)]
    scheme = "https" if case.tls else "http"
    return [
        *tool("wrk"),
        *("--threads", "1"),
        *("--connections", str(case.connections)),
        *("--duration", f"{seconds}s"),
        *("--timeout", "10s"),
        *("--script", str(LOAD_SCRIPT)),
        f"{scheme}://127.0.0.1:{port}{case.path}",
    ]


def _shape(case: Case) -> dict[str, str]:
    shape: dict[str, str] = {}
    if case.body:
        shape["BENCH_BODY"] = str(case.body)
    if case.close:
        shape["BENCH_CLOSE"] = "1"
    if case.routes:
        shape["BENCH_ROUTES"] = str(case.routes)
    if case.count:
        shape["BENCH_COUNT"] = str(case.count if case.policies == "consumers" else _ADDRESSES)
        shape["BENCH_CALLERS"] = "key" if case.policies == "consumers" else "address"
    headers = policies.headers(case.policies)
    if headers and not case.count:
        shape["BENCH_HEADERS"] = "\n".join(f"{name}: {value}" for name, value in headers.items())
    return shape
