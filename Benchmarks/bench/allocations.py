"""Heap allocations per request, counted in the running proxy by a preloaded library.

Envoy brings its own allocator and Caddy the one of Go, so neither can be counted this way.
"""

import mmap
import struct
import tempfile
import time

from bench import counting
from bench.backend import Backend
from bench.cases import Case
from bench.load import Load
from bench.measure import running
from bench.paths import preloaded
from bench.proxies import Proxy
from bench.server import ServerFailed

_SETTLE, _WINDOW = 0.8, 1.2


def main() -> int:
    return counting.main(
        "Counts the heap allocations of each proxy per request in its steady state.",
        "sluice,nginx,haproxy",
        _count,
    )


def _count(proxy: Proxy, case: Case, backend: Backend) -> counting.Count:
    with tempfile.NamedTemporaryFile(prefix="bench-allocations-") as file:
        file.truncate(mmap.PAGESIZE)
        with mmap.mmap(file.fileno(), mmap.PAGESIZE) as counter:
            preload = ["env", f"LD_PRELOAD={preloaded('allocations')}", f"BENCH_ALLOCATIONS={file.name}"]
            with running(
                proxy,
                case.routes,
                backend.port,
                prefix=preload,
                work=case.policies,
                count=case.count,
            ) as server:
                load = Load(case, server.port, int(_SETTLE + _WINDOW + 0.999))
                try:
                    time.sleep(_SETTLE)
                    start, before = backend.requests(), _read(counter)
                    time.sleep(_WINDOW)
                    end, after = backend.requests(), _read(counter)
                    load.result()
                finally:
                    load.stop()
    if after == 0:
        raise ServerFailed(f"the allocations of {proxy.name} could not be counted")
    requests = end - start
    return (after - before) / requests, f"{after - before} in {requests} requests"


def _read(counter: mmap.mmap) -> int:
    count: int = struct.unpack_from("Q", counter, 0)[0]
    return count


if __name__ == "__main__":
    raise SystemExit(main())
