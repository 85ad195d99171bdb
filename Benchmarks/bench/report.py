"""From samples to tables."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.cases import Case
from bench.measure import Sample
from bench.paths import DOCUMENT

OURS = "sluice"
_TITLES = {
    "sluice": "Sluice", "nginx": "nginx", "haproxy": "HAProxy", "envoy": "Envoy",
    "caddy": "Caddy", "varnish": "Varnish", "nginx:again": "nginx again",
}  # fmt: skip
# What is measured by what it adds to the case before it, with the budget in µs.
_ADDED = (
    ("key-auth", "nothing", 0.5),
    ("acl", "key-auth", 0.5),
    ("rate-limit", "acl", 0.5),
    ("jwt", "nothing", 1.0),
)
# Many must cost what few cost.
_SERIES = (
    ("routes", 10, 10_000), ("kong-routes", 10, 10_000), ("consumers", 10, 100_000),
    ("networks", 10, 10_000),
)  # fmt: skip
# More than this, as a share, and the machine was measuring something else.
_TOLERANCE = 0.1


def replace_section(document: Path, name: str, text: str) -> None:
    """Puts text between the markers `name:begin` and `name:end` of a page."""
    markers = re.compile(rf"(<!-- {name}:begin -->\n).*(<!-- {name}:end -->)", re.DOTALL)
    page = document.read_text()
    replaced, count = markers.subn(lambda found: found.group(1) + text + found.group(2), page)
    if count != 1:
        raise SystemExit(f"{document.name} has no place for the section {name}")
    document.write_text(replaced)



@dataclass(frozen=True)
class Spread:
    """A median and how far the rounds lie apart."""

    middle: float
    low: float
    high: float

    @staticmethod
    def of(values: list[float]) -> "Spread":
        return Spread(median(values), min(values), max(values))

    def text(self, digits: int) -> str:
        if self.low == self.high:
            return f"{self.middle:.{digits}f}"
        return f"{self.middle:.{digits}f} ({self.low:.{digits}f}–{self.high:.{digits}f})"


def line(sample: Sample) -> str:
    """Progress, one line per measurement."""
    return (
        f"{sample.case:<13} {sample.proxy:<12} round {sample.round}: {sample.total:8.1f} µs "
        f"({sample.user:.1f} + {sample.system:.1f}), {sample.requests_per_second:8.0f}/s, "
        f"p99 {sample.p99 / 1000:.1f} ms, busy {sample.busy:.0%}, foreign {sample.foreign:.0%}"
        + (f", {sample.errors} ERRORS" if sample.errors else "")
    )


class Report:
    """All that one run of the benchmark found."""

    def __init__(self, facts: dict[str, str], cases: list[Case], samples: list[Sample]) -> None:
        self._facts = facts
        self._cases = cases
        self._samples = samples
        self._proxies = list(dict.fromkeys(sample.proxy for sample in samples))

    def json(self) -> str:
        samples = [sample.as_json() for sample in self._samples]
        return json.dumps({"machine": self._facts, "samples": samples}, indent=2) + "\n"

    def markdown(self) -> str:
        parts = [self._conditions()]
        if OURS in self._proxies:
            parts += [self._ratios(), self._budgets()]
        parts.append(self._figures())
        return "\n".join(parts)

    def write_document(self) -> None:
        """Puts the tables between the markers of the documentation's page."""
        replace_section(DOCUMENT, "results", self.markdown())

    def failures(self) -> list[Sample]:
        """Measurements in which requests failed; their figures mean nothing."""
        return [sample for sample in self._samples if sample.errors]

    # MARK: Tables

    def _conditions(self) -> str:
        facts = self._facts
        lines = [
            f"Measured on {facts['processor']}, {facts['memory']}, Linux {facts['kernel']}; "
            f"load {facts['load']} before the run.",
            f"Versions: {facts['versions']}. Rounds: {facts['rounds']}.",
        ]
        null = self._ratio("get-25-64", "nginx", "nginx:again")
        if null:
            lines.append(f"Null control (nginx over nginx, CPU per request): {null.text(2)}.")
            if abs(null.middle - 1) > _TOLERANCE:
                lines.append("**Void: the null control is off by more than 10 %.**")
        noisy = [sample for sample in self._samples if sample.foreign > _TOLERANCE]
        if noisy:
            lines.append(
                f"**Noisy: other processes took more than 10 % of the proxy's core in "
                f"{len(noisy)} of {len(self._samples)} measurements.**"
            )
        lines += [f"Failed requests: {line(sample)}" for sample in self.failures()]
        return "\\\n".join(lines) + "\n"

    def _ratios(self) -> str:
        peers = [name for name in self._proxies if name != OURS and ":" not in name]
        rows = [
            [case.title] + [_text(self._ratio(case.name, OURS, peer), 2) for peer in peers]
            for case in self._cases
        ]
        head = ["Sluice's CPU per request ÷"] + [_TITLES[peer] for peer in peers]
        return "### Ratios\n\n" + _table(head, rows)

    def _budgets(self) -> str:
        rows = []
        for title, limit, spread in self._budget_rows():
            met = "yes" if spread.middle <= limit else "**no**"
            rows.append([title, f"≤ {limit:.2f}", spread.text(2), met])
        return "### Budgets\n\n" + _table(["Budget", "Limit", "Measured", "Met"], rows)

    def _budget_rows(self) -> list[tuple[str, float, Spread]]:
        small, rows = "get-25-64", []

        def add(title: str, limit: float, spread: Spread | None) -> None:
            if spread:
                rows.append((title, limit, spread))

        for peer in ("nginx", "haproxy"):
            name = _TITLES[peer]
            add(f"CPU of a small GET ÷ {name}", 0.85, self._ratio(small, OURS, peer))
        add("user CPU of a small GET ÷ nginx", 0.5, self._user_ratio("get-25-long", OURS, "nginx"))
        for case in self._cases:
            if case.large_answer:
                for peer in ("nginx", "haproxy"):
                    title = f"CPU of {case.title} ÷ {_TITLES[peer]}"
                    add(title, 1.0, self._ratio(case.name, OURS, peer))
        for case in self._cases:
            if case.tls and case.close:
                add(f"CPU of a {case.title} ÷ nginx", 1.0, self._ratio(case.name, OURS, "nginx"))
            elif case.tls:
                limit = 1.0 if case.streams else 0.9
                add(f"CPU of {case.title} ÷ the best peer's", limit, self._ratio_to_best(case.name))
        chain = self._ratio("policies", OURS, "nginx")
        add("CPU of a small GET with all policies ÷ plain nginx", 1.0, chain)
        for case in self._cases:
            if case.is_answered_by_proxy:
                for peer in ("nginx", "varnish"):
                    title = f"CPU of a {case.title} ÷ {_TITLES[peer]}'s"
                    add(title, 0.5, self._ratio(case.name, OURS, peer))
        for policy, before, limit in _ADDED:
            title = f"user µs that {policy} adds to a small GET"
            add(title, limit, self._added(f"adding-{policy}", f"adding-{before}"))
        for kind, few, many in _SERIES:
            spread = _paired(
                self._values(f"{kind}-{many}", OURS), self._values(f"{kind}-{few}", OURS)
            )
            add(f"CPU with {many:,} {kind} ÷ with {few}", 1.05, spread)
        return rows

    def _ratio_to_best(self, case: str) -> Spread | None:
        peers = (name for name in self._proxies if name != OURS and ":" not in name)
        ratios = [ratio for peer in peers if (ratio := self._ratio(case, OURS, peer))]
        return max(ratios, key=lambda ratio: ratio.middle, default=None)

    def _user_ratio(self, case: str, one: str, other: str) -> Spread | None:
        """The same for the user part, which is a sample of ticks: those of all rounds together."""
        rounds = self._ratio(case, one, other, "user")
        ours, theirs = (_pooled_user(self._of(case, name)) for name in (one, other))
        return Spread(ours / theirs, rounds.low, rounds.high) if rounds and theirs else None

    def _added(self, case: str, before: str) -> Spread | None:
        """User µs per request that one case has more than another, of all rounds together."""
        more, less = self._of(case, OURS), self._of(before, OURS)
        if not more or not less:
            return None
        fewer = {sample.round: sample.user for sample in less}
        rounds = [sample.user - fewer[sample.round] for sample in more if sample.round in fewer]
        return Spread(_pooled_user(more) - _pooled_user(less), min(rounds), max(rounds))

    def _figures(self) -> str:
        rows = []
        for case in self._cases:
            for proxy in self._proxies:
                samples = self._of(case.name, proxy)
                if samples:
                    rows.append([case.title, _TITLES[proxy], *_figures(samples)])
        head = ["Case", "Proxy", "CPU µs per request", "user + kernel", "requests/s", "p50 ms",
                "p99 ms", "RSS MiB", "core busy"]  # fmt: skip
        return "### Figures\n\n" + _table(head, rows)

    # MARK: Selection

    def _of(self, case: str, proxy: str) -> list[Sample]:
        return [s for s in self._samples if s.case == case and s.proxy == proxy]

    def _values(self, case: str, proxy: str, figure: str = "total") -> dict[int, float]:
        return {s.round: getattr(s, figure) for s in self._of(case, proxy)}

    def _ratio(self, case: str, one: str, other: str, figure: str = "total") -> Spread | None:
        """One proxy's cost over another's, compared within each round."""
        return _paired(self._values(case, one, figure), self._values(case, other, figure))


def _pooled_user(samples: list[Sample]) -> float:
    requests = sum(sample.requests for sample in samples)
    return sum(sample.user * sample.requests for sample in samples) / requests if requests else 0.0


def _paired(dividends: dict[int, float], divisors: dict[int, float]) -> Spread | None:
    ratios = [dividends[n] / divisors[n] for n in dividends if divisors.get(n)]
    return Spread.of(ratios) if ratios else None


def _figures(samples: list[Sample]) -> list[str]:
    user, system = (median(getattr(s, part) for s in samples) for part in ("user", "system"))
    return [
        Spread.of([s.total for s in samples]).text(1),
        f"{user:.1f} + {system:.1f}",
        f"{median(s.requests_per_second for s in samples):,.0f}",
        f"{median(s.p50 for s in samples) / 1000:.2f}",
        f"{median(s.p99 for s in samples) / 1000:.2f}",
        f"{median(s.resident_kib for s in samples) / 1024:.0f}",
        f"{median(s.busy for s in samples):.0%}",
    ]


def _text(spread: Spread | None, digits: int) -> str:
    return spread.text(digits) if spread else "–"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)
