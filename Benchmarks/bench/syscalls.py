"""System calls per request, counted by strace.

Two loads of different length, each on a fresh proxy: the difference between their counts leaves
out the start, the connections and the end.
"""

import tempfile
from pathlib import Path

from bench import counting
from bench.backend import Backend
from bench.cases import Case
from bench.install import tool
from bench.load import Load
from bench.measure import running
from bench.proxies import Proxy

_SHORT, _LONG = 1, 3
# Calls rarer than this per request are not worth a mention.
_MENTIONED = 0.01


def main() -> int:
    return counting.main(
        "Counts the system calls of each proxy per request.", "sluice,nginx,haproxy", _count
    )


def _count(proxy: Proxy, case: Case, backend: Backend) -> counting.Count:
    few, few_requests = _calls(proxy, case, backend, _SHORT)
    many, many_requests = _calls(proxy, case, backend, _LONG)
    requests = many_requests - few_requests
    rates = {name: (many[name] - few.get(name, 0)) / requests for name in many}
    total = rates.pop("total")
    common = sorted(rates.items(), key=lambda item: -item[1])
    return total, ", ".join(f"{name} {rate:.2f}" for name, rate in common if rate > _MENTIONED)


def _calls(proxy: Proxy, case: Case, backend: Backend, seconds: int) -> tuple[dict[str, int], int]:
    """The calls of one whole run, by name, and the requests in it."""
    with tempfile.NamedTemporaryFile(prefix="bench-strace-") as output:
        prefix = [*tool("strace"), "-f", "-c", "-o", output.name]
        with running(
            proxy,
            case.routes,
            backend.port,
            prefix=prefix,
            work=case.policies,
            count=case.count,
        ) as server:
            requests = Load(case, server.port, seconds).result().requests
            # strace writes its summary when the proxy has ended by itself.
            server.end_traced()
        return _parse(Path(output.name).read_text()), requests


def _parse(summary: str) -> dict[str, int]:
    calls = {}
    for line in summary.splitlines():
        fields = line.split()
        if len(fields) >= 5 and fields[0][0].isdigit():
            calls[fields[-1]] = int(fields[3])
    return calls


if __name__ == "__main__":
    raise SystemExit(main())
