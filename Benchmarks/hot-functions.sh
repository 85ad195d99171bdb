#!/usr/bin/env bash
# Writes scripts/hot-functions.txt, which the release build puts side by side: hot-functions.sh.
# After large changes of the request path: build, run this, build again. Takes a minute; needs valgrind.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
exec python3 -m bench.hot "$@"
