"""Where things are."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
# Peers, virtual environment and build products; thrown away by `make clean`.
SCRATCH = REPOSITORY / ".bench"
SLUICE = REPOSITORY / ".build" / "release" / "sluice"
LOAD_SCRIPT = REPOSITORY / "Benchmarks" / "wrk" / "load.lua"
RESUME_SCRIPT = REPOSITORY / "Benchmarks" / "resume.py"
DOCUMENT = REPOSITORY / "docs" / "benchmarks.md"
