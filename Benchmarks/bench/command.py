"""The command line of the benchmark."""

import argparse
import fnmatch
import itertools
import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from bench import backend, machine, report
from bench.backend import Backend
from bench.cases import CASES, Case
from bench.install import MissingTool
from bench.measure import Sample, Timing, measure, verify
from bench.paths import SCRATCH
from bench.proxies import PROXIES
from bench.server import ServerFailed

# Run twice in one case: how far two runs of the same thing differ.
NULL_CONTROL = "nginx:again"
NULL_CASE = "get-25-64"

_FULL = Timing(settle=0.6, window=1.4)
_QUICK = Timing(settle=0.3, window=0.7)
# Above this the machine was doing something else.
_QUIET_LOAD = 0.5


def main() -> int:
    options = _parse()
    try:
        return _run(options)
    except (MissingTool, ServerFailed) as error:
        print(error, file=sys.stderr)
        return 1


def _run(options: argparse.Namespace) -> int:
    cases = _chosen(options)
    proxies = options.peers.split(",")
    if (os.cpu_count() or 1) < 2:
        print("The proxy needs a processor of its own; this machine has one.", file=sys.stderr)
        return 1
    if os.getloadavg()[0] > _QUIET_LOAD:
        print("Something else is running here; the figures will show it.", file=sys.stderr)
    facts = machine.description()
    facts["versions"] = ", ".join(f"{name} {PROXIES[name].version()}" for name in proxies)
    facts["rounds"] = str(options.rounds)

    samples: list[Sample] = []
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(prefix="bench-backend-", dir=memory) as folder:
        with backend.start(Path(folder)) as service:
            service.wait_until_ready(backend.READY_PATH)
            for name in proxies:
                verify(PROXIES[name], service)
            timing = _QUICK if options.quick else _FULL
            for sample in _measure_all(cases, proxies, options.rounds, service, timing):
                samples.append(sample)
                print(report.line(sample), file=sys.stderr, flush=True)

    result = report.Report(facts, cases, samples)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(result.json())
    print(result.markdown())
    if options.write:
        result.write_document()
    return 1 if result.failures() else 0


def _measure_all(
    cases: list[Case], proxies: list[str], rounds: int, service: Backend, timing: Timing
) -> Iterable[Sample]:
    """Every case or series of cases, round by round; each round turns the order around."""
    for _, series in itertools.groupby(cases, key=lambda case: case.series or case.name):
        members = list(series)
        invited = members[0].peers or [name for name in proxies if not PROXIES[name].is_invited]
        contenders = [name for name in proxies if name in invited]
        if members[0].name == NULL_CASE and "nginx" in proxies:
            contenders.append(NULL_CONTROL)
        turns = list(itertools.product(contenders, members))
        for number in range(1, rounds * max(case.repeats for case in members) + 1):
            for proxy, case in turns if number % 2 else reversed(turns):
                if number <= rounds * case.repeats:
                    yield measure(proxy, case, number, service, timing)


def _chosen(options: argparse.Namespace) -> list[Case]:
    if options.case:
        patterns = [pattern for text in options.case for pattern in text.split(",")]
        chosen = [case for case in CASES if any(fnmatch.fnmatch(case.name, p) for p in patterns)]
        if not chosen:
            names = ", ".join(case.name for case in CASES)
            raise SystemExit(f"no such case; there are: {names}")
        return chosen
    return [case for case in CASES if case.quick] if options.quick else CASES


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", action="append", help="names or patterns, such as get-25-*")
    parser.add_argument("--rounds", type=int, help="5, or 2 with --quick")
    parser.add_argument(
        "--peers", default=",".join(PROXIES), help="the proxies to measure (default: all)"
    )
    parser.add_argument("--quick", action="store_true", help="few cases, short, under 2 minutes")
    parser.add_argument(
        "--json", type=Path, default=SCRATCH / "results.json", help="where every sample goes"
    )
    parser.add_argument("--write", action="store_true", help="also put the tables into the docs")
    options = parser.parse_args()
    options.rounds = options.rounds or (2 if options.quick else 5)
    unknown = [name for name in options.peers.split(",") if name not in PROXIES]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(PROXIES)}")
    return options
