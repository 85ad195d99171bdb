"""Where things are."""

import subprocess
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
# Peers, virtual environment and build products; thrown away by `make clean`.
SCRATCH = REPOSITORY / ".bench"
SLUICE = REPOSITORY / ".build" / "release" / "sluice"
LOAD_SCRIPT = REPOSITORY / "Benchmarks" / "wrk" / "load.lua"
RESUME_SCRIPT = REPOSITORY / "Benchmarks" / "resume.py"
DOCUMENT = REPOSITORY / "docs" / "benchmarks.md"


def preloaded(name: str) -> Path:
    """Compiles `Benchmarks/NAME.c` for LD_PRELOAD, unless that is done."""
    source, library = REPOSITORY / "Benchmarks" / f"{name}.c", SCRATCH / f"lib{name}.so"
    if not library.exists() or library.stat().st_mtime <= source.stat().st_mtime:
        SCRATCH.mkdir(exist_ok=True)
        options = ["-O2", "-Wall", "-fno-builtin", "-shared", "-fPIC"]
        subprocess.run(["cc", *options, "-o", library, source], check=True)
    return library
