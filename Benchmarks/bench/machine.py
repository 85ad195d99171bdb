"""What the machine is and what its processes have used."""

import contextlib
import os
import platform
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# The proxy has a core of its own; everything else shares the other one.
PROXY_CPU = 1
OTHER_CPU = 0
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """What is started inside runs before all else on this machine, where the user may ask for that: a
    stranger's process on one of two cores is milliseconds, and a p99 here is a third of one."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except PermissionError:
        print("no right to run before others: what else runs shows in the p99", file=sys.stderr)
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


@dataclass(frozen=True)
class CPUTime:
    """Seconds of processor time."""

    user: float
    system: float

    def __sub__(self, other: "CPUTime") -> "CPUTime":
        return CPUTime(self.user - other.user, self.system - other.system)

    @property
    def total(self) -> float:
        return self.user + self.system


def process_tree(root: int) -> list[int]:
    """A process and all its descendants."""
    tree, waiting = [], [root]
    while waiting:
        process = waiting.pop()
        tree.append(process)
        waiting += children(process)
    return tree


def children(parent: int) -> list[int]:
    """The processes that a process started."""
    found = []
    for thread in Path(f"/proc/{parent}/task").glob("*/children"):
        try:
            found += [int(child) for child in thread.read_text().split()]
        except OSError:
            continue
    return found


def cpu_time(processes: list[int]) -> CPUTime:
    """What all threads of these processes have used so far."""
    user = system = 0
    for process in processes:
        fields = _stat(process)
        if fields:
            user += int(fields[11])
            system += int(fields[12])
    return CPUTime(user / _TICKS_PER_SECOND, system / _TICKS_PER_SECOND)


def resident_kib(processes: list[int]) -> int:
    """The resident memory of these processes; shared pages count for each."""
    total = 0
    for process in processes:
        try:
            for line in Path(f"/proc/{process}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    total += int(line.split()[1])
        except OSError:
            continue
    return total


def busy_seconds(cpu: int) -> float:
    """How long a processor has been doing anything since the machine started."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, *values = line.split()
        if name == f"cpu{cpu}":
            user, nice, system, _idle, _wait, irq, softirq, steal = map(int, values[:8])
            return (user + nice + system + irq + softirq + steal) / _TICKS_PER_SECOND
    raise RuntimeError(f"no processor {cpu}")


def description() -> dict[str, str]:
    """The machine's class; nothing that names it."""
    model = memory = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemTotal:"):
            memory = f"{int(line.split()[1]) / 1_048_576:.0f} GiB"
    return {
        "processor": f"{model}, {os.cpu_count()} CPUs",
        "memory": memory,
        "kernel": platform.release().split("-")[0],
        "load": f"{os.getloadavg()[0]:.2f}",
    }


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _stat(process: int) -> list[str] | None:
    """The fields of /proc/PID/stat that follow the command's name."""
    try:
        text = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return None
    return text[text.rindex(")") + 2 :].split()
