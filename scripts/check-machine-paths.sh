#!/usr/bin/env bash
# No file names a directory of the machine it was written on.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# This file would match itself; build products are not in git.
if git grep -nIE '(^|[^A-Za-z0-9_./-])/(work|home/[a-z]+|root|Users/[A-Za-z]+)/' -- \
  . ':!scripts/check-machine-paths.sh' >&2; then
  exit 1
fi
