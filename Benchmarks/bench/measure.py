"""One measurement: a fresh proxy under one load, observed during a window of it."""

import contextlib
import re
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench import machine, policies
from bench.backend import READY_PATH, SEEN_PATH, Backend
from bench.cases import Case, route_path
from bench.certificate import make_certificate
from bench.load import Load
from bench.proxies import PROXIES, Proxy
from bench.proxies.base import Setup
from bench.server import Server, ServerFailed, get


@dataclass(frozen=True)
class Timing:
    """How long one load lasts, in seconds: first it settles, then the window opens."""

    settle: float
    window: float

    @property
    def load_seconds(self) -> int:
        # The generator takes whole seconds; the window must end before the load does.
        return int(self.settle + self.window + 0.999)


@dataclass(frozen=True)
class Sample:
    """What one measurement found. CPU times are microseconds per request of the proxy alone."""

    case: str
    proxy: str
    round: int
    user: float
    system: float
    requests_per_second: float
    p50: int
    p99: int
    resident_kib: int
    # Share of its core that the proxy used; below about 0.95 something else was the bottleneck.
    busy: float
    # Share of the proxy's core that other processes used: noise.
    foreign: float
    errors: int
    # In the window, or in the whole load.
    requests: float

    @property
    def total(self) -> float:
        return self.user + self.system

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "total": self.total}


@contextlib.contextmanager
def running(proxy: Proxy, routes: int, backend_port: int, prefix: list[str] | None = None,
            environment: dict[str, str] | None = None,
            encrypted: bool = False, work: str = "", count: int = 0,
            http2: bool = False, grpc: bool = False) -> Iterator[Server]:  # fmt: skip
    """A proxy that answers; its process is started below `prefix` when there is one.

    `work` is what it does with requests, see `Case.policies`; `count` see `Case.count`.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        paths = [route_path(number) for number in range(1, routes + 1)]
        certificate = make_certificate(Path(name)) if encrypted else None
        setup = Setup(
            Path(name),
            machine.free_port(),
            backend_port,
            paths,
            certificate=certificate,
            policies=work,
            http2=http2,
            grpc=grpc,
            count=count,
        )
        command = [*(prefix or []), *proxy.command(setup)]
        all_environment = {**proxy.environment, **(environment or {})}
        with Server(
            command, setup.folder, setup.port, machine.PROXY_CPU, all_environment, encrypted
        ) as server:
            server.wait_until_ready(
                paths[-1] if paths else READY_PATH, headers=policies.headers(work)
            )
            yield server


def measure(proxy: str, case: Case, number: int, backend: Backend, timing: Timing) -> Sample:
    """Puts one load on one proxy. `proxy` may carry a suffix after a colon (the null control)."""
    chosen = PROXIES[proxy.partition(":")[0]]
    counts_whole_load = bool(case.large_answer) or case.is_answered_by_proxy
    timing = Timing(timing.settle, timing.window * case.window)
    with running(
        chosen,
        case.routes,
        backend.grpc_port if case.grpc else backend.port,
        encrypted=case.tls,
        work=case.policies,
        count=case.count,
        http2=case.streams > 0,
        grpc=case.grpc,
    ) as server:
        processes = server.processes()
        before = _Reading.take(processes, backend)
        load = Load(case, server.port, timing.load_seconds)
        try:
            time.sleep(timing.settle)
            if not counts_whole_load:
                before = _Reading.take(processes, backend)
            time.sleep(timing.window)
            after = _Reading.take(processes, backend)
            resident = machine.resident_kib(processes)
            result = load.result()
        finally:
            load.stop()
        # The second reading's own question to the backend is not the proxy's.
        requests: float = max(after.requests - before.requests - 1, 1)
        if counts_whole_load:
            after = _Reading.take(processes, backend)
            requests = max(result.requests, 1)
        if case.large_answer:
            requests = max(result.bytes / case.large_answer, 1)
    seconds = after.time - before.time
    cpu = after.cpu - before.cpu
    return Sample(
        case=case.name,
        proxy=proxy,
        round=number,
        user=cpu.user / requests * 1e6,
        system=cpu.system / requests * 1e6,
        requests_per_second=requests / seconds,
        p50=result.p50,
        p99=result.p99,
        resident_kib=resident,
        busy=cpu.total / seconds,
        foreign=max(0.0, (after.core - before.core - cpu.total) / seconds),
        errors=result.errors,
        requests=requests,
    )


def verify(proxy: Proxy, backend: Backend) -> None:
    """Fails unless the proxy adds the agreed fields and reuses its connection to the backend."""
    with running(proxy, 0, backend.port) as server:
        get(server.port, SEEN_PATH)
        _, seen = get(server.port, SEEN_PATH)
        host = re.escape(f"127.0.0.1:{server.port}")
        # Envoy names its own address where the caller's is loopback.
        expected = rf"{host} [0-9.]+ http {host} {server.port} 127\.0\.0\.1"
        found = re.fullmatch(expected + r" (\d+)", seen)
        if found is None:
            raise ServerFailed(f"{proxy.name} added other fields: {seen!r}, not {expected!r}")
        if int(found.group(1)) < 2:
            raise ServerFailed(f"{proxy.name} does not reuse its connection to the backend")


@dataclass(frozen=True)
class _Reading:
    """All counters at one moment."""

    time: float
    requests: int
    cpu: machine.CPUTime
    core: float

    @staticmethod
    def take(processes: list[int], backend: Backend) -> "_Reading":
        requests = backend.requests()
        return _Reading(
            time.monotonic(),
            requests,
            machine.cpu_time(processes),
            machine.busy_seconds(machine.PROXY_CPU),
        )
