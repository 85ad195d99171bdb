"""The load generator: wrk with one thread; h2load for HTTP/2."""

import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from bench import machine, policies
from bench.cases import Case
from bench.install import h2load, tool
from bench.paths import LOAD_SCRIPT, RESUME_SCRIPT, preloaded


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
        # What h2load knows of single requests is in a file of its own.
        self._log = tempfile.NamedTemporaryFile(prefix="h2load-") if case.streams else None
        self._messages = _messages(case.body) if case.grpc else None
        generator = (
            _h2load(case, port, seconds, self._log.name, self._messages and self._messages.name)
            if self._log
            else _generator(case, port, seconds)
        )
        command = ["taskset", "-c", str(machine.OTHER_CPU), *generator]
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
            if self._log:
                # `stop` takes the file away.
                return _h2load_result(output, Path(self._log.name))
        finally:
            self.stop()
        for line in output.splitlines():
            if line.startswith("RESULT "):
                return LoadResult(**json.loads(line.removeprefix("RESULT ")))
        raise RuntimeError(f"the load generator failed:\n{output}")

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        if self._log:
            self._log.close()
        if self._messages:
            self._messages.close()


def _generator(case: Case, port: int, seconds: int) -> list[str]:
    if case.resume:
        return [sys.executable, str(RESUME_SCRIPT), str(port), case.path, str(seconds)]
    scheme = "https" if case.tls else "http"
    is_full = case.tls and case.close
    return [
        *(["env", f"LD_PRELOAD={preloaded('full-handshakes')}"] if is_full else []),
        *tool("wrk"),
        *("--threads", "1"),
        *("--connections", str(case.connections)),
        *("--duration", f"{seconds}s"),
        *("--timeout", "10s"),
        *("--script", str(LOAD_SCRIPT)),
        f"{scheme}://127.0.0.1:{port}{case.path}",
    ]


# Bytes of a message with its head, as a stream has them.
_MESSAGE = 1_024


def _messages(size: int) -> IO[bytes]:
    """A file with the messages of one call: each behind a flag and its length in four bytes."""
    file = tempfile.NamedTemporaryFile(prefix="grpc-")
    while size > 0:
        length = min(size, _MESSAGE) - 5
        file.write(b"\0" + length.to_bytes(4, "big") + bytes(length))
        size -= length + 5
    file.flush()
    return file


def _h2load(
    case: Case, port: int, seconds: int, log: str, messages: str | None
) -> list[str]:
    call = []
    if messages:
        call = ["--data", messages, "-H", "content-type: application/grpc", "-H", "te: trailers"]
    return [
        *h2load(),
        *("--threads", "1"),
        *("--clients", str(case.connections)),
        *("--max-concurrent-streams", str(case.streams)),
        # Windows that a browser would have: none of the proxies is to wait for them.
        *("--window-bits", "24", "--connection-window-bits", "24"),
        *("--duration", str(seconds)),
        *("--log-file", log),
        *call,
        f"https://127.0.0.1:{port}{case.path}",
    ]


def _h2load_result(output: str, log: Path) -> LoadResult:
    requests = re.search(
        r"requests: .* (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored", output
    )
    statuses = re.search(r"status codes: (\d+) 2xx", output)
    traffic = re.search(r"traffic: .*, \S+ \((\d+)\) data", output)
    if requests is None or statuses is None or traffic is None:
        raise RuntimeError(f"the load generator failed:\n{output}")
    # Beginning, status and duration of each, in microseconds.
    durations = sorted(
        int(fields[2])
        for fields in (line.split("\t") for line in log.read_text().splitlines())
        if len(fields) == 3
    )
    if not durations:
        raise RuntimeError(f"no request was answered:\n{output}")
    done, succeeded = int(requests.group(1)), int(statuses.group(1))
    return LoadResult(
        requests=done,
        bytes=int(traffic.group(1)),
        p50=durations[len(durations) // 2],
        p99=durations[len(durations) * 99 // 100],
        # A status counts with the head, a request with its end, and some are between the two at the end.
        errors=max(0, done - succeeded),
    )


def _shape(case: Case) -> dict[str, str]:
    shape: dict[str, str] = {}
    if case.body and not case.grpc:
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
