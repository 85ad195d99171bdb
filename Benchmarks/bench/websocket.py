"""WebSockets: memory of idle ones, CPU of messages, pings, pushes and handshakes, and what the requests
beside them feel."""

import argparse
import contextlib
import http.client
import json
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench import machine
from bench.certificate import make_certificate
from bench.paths import DOCUMENT, REPOSITORY, SCRATCH
from bench.proxies import PROXIES, Proxy
from bench.proxies.base import Setup
from bench.proxies.sluice import Sluice
from bench.report import Spread, replace_section
from bench.server import Server, ServerFailed

_SOURCE = REPOSITORY / "Benchmarks" / "websocket.c"
_PEER = SCRATCH / "websocket"


class InspectedSluice(Sluice):
    """Sluice with a limit of messages, so that it looks into them."""

    name = "inspected"
    websocket_route = (
        "  socket: {kind: websocket, match: {path: /socket}, service: service,"
        " connection: {ping: 25s}, messages: {maxSize: 1MiB,"
        " rateLimit: {limit: 1000000, window: 1s, action: close}}}"
    )


class PushingSluice(Sluice):
    """Sluice with its admin API."""

    def more(self, setup: Setup) -> str:
        return f'admin: {{address: "unix:{setup.folder}/admin.sock"}}\n'


_PROXIES: dict[str, Proxy] = {**PROXIES, "inspected": InspectedSluice()}
_TITLES = {
    "sluice": "Sluice", "inspected": "Sluice, inspected", "nginx": "nginx", "haproxy": "HAProxy",
    "envoy": "Envoy", "caddy": "Caddy",
}  # fmt: skip


CHATTY = 1_000
# Two descriptors each, and some for the requests.
IDLE = min(9_000, (resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 600) // 2 - CHATTY)
_MESSAGES_PER_SECOND = 2
# What the slow one reads a second.
_SLOW_BYTES = 4_000_000
_REQUESTS = 64
_ALTERNATIONS = 5


@dataclass(frozen=True)
class Case:
    name: str
    title: str
    unit: str
    connections: int
    size: int = 0
    # Digits behind the point.
    digits: int = 1


CASES = [
    *(
        Case(f"echo-{size}-{count}", f"echo {size:,} B, {count:,} connections", "CPU µs", count, size)
        for size in (64, 1_024, 16_384)
        for count in (100, 5_000)
    ),
    Case("upgrade", "handshake, 32 at a time, the session stays open", "CPU µs", 4_000),
    Case("open", "handshake, 32 at a time, and the caller vanishes", "CPU µs", 32),
    Case("memory", "idle session, 2,000 to 9,000", "KB", 9_000, digits=2),
    Case("memory-tls", "idle session over TLS 1.3, 2,000 to 9,000", "KB", 9_000, digits=2),
    Case("pings", "idle session and second, pinged every 25 s", "CPU µs", 9_000, digits=2),
    Case("push", "message pushed through the admin API", "CPU µs", 1),
    Case(
        "beside-sessions",
        f"REST p99 at half the peak beside {IDLE:,} idle and {CHATTY:,} chatty sessions",
        "× past it", CHATTY, 256, digits=2,
    ),
    Case(
        "beside-burst",
        "REST p99 at half the peak beside a session that is sent more than it reads",
        "× past it", 1, digits=2,
    ),
]
# The case, the proxy, over which peer, and how much at most.
_BUDGETS = [
    *((f"echo-{size}-{count}", "sluice", 1.0) for size in (64, 1_024, 16_384) for count in (100, 5_000)),
    *(
        (f"echo-{size}-{count}", "inspected", 1.15)
        for size in (64, 1_024, 16_384)
        for count in (100, 5_000)
    ),
    ("upgrade", "sluice", 1.0),
    ("open", "sluice", 1.0),
]
_ABSOLUTE = [
    ("memory", "sluice", 1.0),
    ("memory-tls", "sluice", 14.0),
    ("pings", "sluice", 2.0),
    ("push", "sluice", 100.0),
    ("beside-sessions", "sluice", 1.1),
    ("beside-burst", "sluice", 1.1),
]
_PUSHES = 3_000
_PING_WINDOW = 25


class Load:
    """One running load: made, then started, then asked."""

    def __init__(self, *arguments: object) -> None:
        self._process = subprocess.Popen(
            ["taskset", "-c", str(machine.OTHER_CPU), str(_PEER), *map(str, arguments)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout and self._process.stdin
        if self._process.stdout.readline() != "ready\n":
            raise ServerFailed("the WebSocket load does not get its connections")

    def start(self) -> None:
        assert self._process.stdin
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def line(self) -> dict[str, Any]:
        """What it says while it goes on."""
        assert self._process.stdout
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found

    def result(self) -> dict[str, Any]:
        output, _ = self._process.communicate(timeout=120)
        found: dict[str, Any] = json.loads(output)
        return found

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


@contextlib.contextmanager
def _loaded(*arguments: object) -> Iterator[Load]:
    """A load that goes on beside what is measured."""
    load = Load(*arguments)
    try:
        load.start()
        yield load
    finally:
        load.stop()


@contextlib.contextmanager
def _running(proxy: Proxy, backend_port: int, is_encrypted: bool = False) -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        setup = Setup(
            folder, machine.free_port(), backend_port, [], websocket=True,
            certificate=make_certificate(folder) if is_encrypted else None,
        )  # fmt: skip
        command = proxy.command(setup)
        with Server(
            command, folder, setup.port, machine.PROXY_CPU, proxy.environment, is_encrypted
        ) as server:
            server.wait_until_ready("/")
            yield server


@contextlib.contextmanager
def _backend() -> Iterator[int]:
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        port = machine.free_port()
        command = [str(_PEER), "server", str(port)]
        with Server(command, Path(name), port, machine.OTHER_CPU) as server:
            server.wait_until_ready("/")
            yield port


def _measure(proxy: Proxy, case: Case, backend_port: int, seconds: float) -> float:
    if case.name.startswith("beside"):
        return _beside(proxy, case, seconds)
    if case.name == "push":
        proxy = PushingSluice()
    with _running(proxy, backend_port, case.name == "memory-tls") as server:
        if case.name == "push":
            return _push(server)
        if case.name == "upgrade":
            return _upgrade(server, case)
        if case.name == "memory":
            return _memory(server, "idle")
        if case.name == "memory-tls":
            return _memory(server, "idle-tls")
        if case.name == "pings":
            return _pings(server)
        kind = ["open", server.port, case.connections, seconds]
        if case.size:
            kind = ["echo", server.port, case.connections, case.size, seconds]
        load = Load(*kind)
        try:
            processes = server.processes()
            before = machine.cpu_time(processes)
            load.start()
            result = load.result()
            cpu = machine.cpu_time(processes) - before
        finally:
            load.stop()
        if result["errors"]:
            raise ServerFailed(f"{proxy.name}: {result['errors']} connections were lost")
        return cpu.total / max(result["count"], 1) * 1e6


def _upgrade(server: Server, case: Case) -> float:
    load = Load("upgrade", server.port, case.connections)
    try:
        processes = server.processes()
        before = machine.cpu_time(processes)
        load.start()
        load.line()
        return (machine.cpu_time(processes) - before).total / case.connections * 1e6
    finally:
        load.stop()


def _memory(server: Server, kind: str) -> float:
    """KB of resident memory that one more idle session takes, between 2,000 and 9,000."""
    processes = server.processes()
    first = Load(kind, server.port, 2_000)
    try:
        time.sleep(1)
        few = machine.resident_kib(processes)
        second = Load(kind, server.port, 7_000)
        try:
            time.sleep(1)
            return (machine.resident_kib(processes) - few) * 1.024 / 7_000
        finally:
            second.stop()
    finally:
        first.stop()


def _pings(server: Server) -> float:
    """CPU of 9,000 idle sessions over one interval of pings, per session and second."""
    load = Load("idle", server.port, 9_000)
    try:
        load.start()
        processes = server.processes()
        before = machine.cpu_time(processes)
        time.sleep(_PING_WINDOW)
        cpu = machine.cpu_time(processes) - before
        return cpu.total / 9_000 / _PING_WINDOW * 1e6
    finally:
        load.stop()


class _AdminConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost")
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


def _push(server: Server) -> float:
    """CPU of the whole gateway for one message that the admin API gives to a session."""
    with _loaded("idle", server.port, 1):
        admin = _AdminConnection(server.folder / "admin.sock")

        def ask(method: str, target: str, body: bytes | None = None) -> tuple[int, bytes]:
            admin.request(method, target, body, {"Content-Type": "text/plain"} if body else {})
            answer = admin.getresponse()
            return answer.status, answer.read()

        _, listed = ask("GET", "/connections")
        name = json.loads(listed)["connections"][0]["id"]
        before = machine.cpu_time(server.processes())
        for _ in range(_PUSHES):
            status, answer = ask("POST", f"/connections/{name}/messages", b"x" * 64)
            if status != 202:
                raise ServerFailed(f"a push was answered {status}: {answer!r}")
        return (machine.cpu_time(server.processes()) - before).total / _PUSHES * 1e6


def _requests(server: Server, rate: float, seconds: float) -> dict[str, Any]:
    load = Load("rest", server.port, _REQUESTS, rate, seconds)
    try:
        load.start()
        result = load.result()
    finally:
        load.stop()
    if result["errors"] or not result["count"]:
        raise ServerFailed(f"requests failed or were not answered: {result}")
    return result


def _beside(proxy: Proxy, case: Case, seconds: float) -> float:
    """p99 of requests at half the peak rate with the case's loads through the proxy, over that with the same loads past
    it: of 200 ms each, and of these the median. The loads' callers and their target take the other CPU's time both ways,
    and the two take turns, so that the quotient is the proxy's share."""
    with machine.undisturbed(), _backend() as backend, _running(proxy, backend) as server:
        peak = _requests(server, 0, seconds)
        rate = peak["count"] / peak["seconds"] / 2
        past: list[float] = []
        through: list[float] = []
        for number in range(2 * _ALTERNATIONS):
            port, found = [(backend, past), (server.port, through)][number % 2]
            with contextlib.ExitStack() as stack:
                for load in _neighbours(case, port):
                    stack.enter_context(_loaded(*load))
                found += _requests(server, rate, seconds)["p99"]
            # Until what they left behind is put away.
            time.sleep(0.5)
    spreads = " and ".join(f"{min(p99):.0f} {median(p99):.0f} {max(p99):.0f}" for p99 in (past, through))
    print(f"{'':14} {rate:.0f} a second, µs {spreads}", file=sys.stderr)
    return median(through) / median(past)


def _neighbours(case: Case, port: int) -> list[tuple[object, ...]]:
    """What goes on beside the requests."""
    if case.name == "beside-burst":
        return [("flood", port, _SLOW_BYTES)]
    return [("idle", port, IDLE), ("chat", port, CHATTY, case.size, _MESSAGES_PER_SECOND)]


def main() -> int:
    options = _parse()
    _build()
    proxies = options.peers.split(",")
    figures: dict[tuple[str, str], list[float]] = {}
    try:
        with _backend() as port:
            for case in _chosen(options):
                for number in range(options.rounds):
                    for name in proxies if number % 2 == 0 else reversed(proxies):
                        # Only Sluice pings and pushes by itself, and looks into messages only when told to.
                        if case.name in ("pings", "push") and name != "sluice":
                            continue
                        if name == "inspected" and not case.name.startswith("echo"):
                            continue
                        value = _measure(_PROXIES[name], case, port, options.seconds)
                        figures.setdefault((case.name, name), []).append(value)
                        print(
                            f"{case.name:<14} {name:<10} {value:9.{case.digits}f} {case.unit}",
                            file=sys.stderr, flush=True,
                        )  # fmt: skip
    except ServerFailed as error:
        print(error, file=sys.stderr)
        return 1
    text = _markdown(figures, proxies)
    print(text)
    if options.write:
        replace_section(DOCUMENT, "websocket", text)
    return 0


def _markdown(figures: dict[tuple[str, str], list[float]], proxies: list[str]) -> str:
    facts = machine.description()
    lines = [
        f"Measured on {facts['processor']}, Linux {facts['kernel']}; medians, lowest–highest.",
        "",
        "| Per | Unit | " + " | ".join(_TITLES[name] for name in proxies) + " |",
        "| --- | --- |" + " ---: |" * len(proxies),
    ]
    for case in CASES:
        cells = [figures.get((case.name, name)) for name in proxies]
        if not any(cells):
            continue
        texts = [Spread.of(cell).text(case.digits) if cell else "" for cell in cells]
        lines.append(f"| {case.title} | {case.unit} | " + " | ".join(texts) + " |")
    lines += ["", "| Budget | Limit | Measured | Met |", "| --- | ---: | ---: | ---: |"]
    titles = {case.name: case.title for case in CASES}
    for name, ours, limit in _BUDGETS:
        mine, theirs = figures.get((name, ours)), figures.get((name, "nginx"))
        if not mine or not theirs:
            continue
        ratio = median(mine) / median(theirs)
        met = "yes" if ratio <= limit else "**no**"
        lines.append(
            f"| {titles[name]}: {_TITLES[ours]} ÷ nginx | ≤ {limit:.2f} | {ratio:.2f} | {met} |"
        )
    for name, ours, limit in _ABSOLUTE:
        if mine := figures.get((name, ours)):
            met = "yes" if median(mine) <= limit else "**no**"
            lines.append(
                f"| {titles[name]}: {_TITLES[ours]} | ≤ {limit:.2f} | {median(mine):.2f} | {met} |"
            )
    return "\n".join(lines) + "\n"


def _chosen(options: argparse.Namespace) -> list[Case]:
    if not options.case:
        return CASES
    chosen = [case for case in CASES if case.name in options.case]
    if not chosen:
        raise SystemExit("no such case; there are: " + ", ".join(case.name for case in CASES))
    return chosen


def _build() -> None:
    if _PEER.exists() and _PEER.stat().st_mtime > _SOURCE.stat().st_mtime:
        return
    SCRATCH.mkdir(exist_ok=True)
    subprocess.run(
        ["cc", "-O2", "-Wall", "-Wextra", "-o", _PEER, _SOURCE, "-lssl", "-lcrypto"], check=True
    )


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", action="append", help="a case's name; more than one may be given")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2, help="of each load")
    parser.add_argument(
        "--peers", default="sluice,inspected,nginx,haproxy,envoy,caddy", help="what to measure"
    )
    parser.add_argument("--write", action="store_true", help="also put the tables into the docs")
    options = parser.parse_args()
    unknown = [name for name in options.peers.split(",") if name not in _PROXIES]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(_PROXIES)}")
    return options
