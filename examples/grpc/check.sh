#!/bin/bash
# Runs this example and checks it: check.sh [SLUICE]. Brings grpcio from PyPI, as the tests with real
# clients do; the ports are the kernel's choice. Exits with 0 when everything is as it should be.
set -euo pipefail

example="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
repository="$example/../.."
sluice="$(realpath "${1:-$repository/.build/release/sluice}")"
"$repository/scripts/install-clients.sh" >&2
exec "$repository/.clients/venv/bin/python" "$example/check.py" "$sluice"
