#!/usr/bin/env bash
# Prints the heap allocations per request of each proxy: allocations.sh [--budget N] [--peers A,B] [--case NAME].
# Fails when Sluice needs more than the budget.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
exec python3 -m bench.allocations "$@"
