#!/usr/bin/env bash
# Every check that needs no build. Runs them all and fails if one of them did.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

status=0
check() {
  local name="$1"
  shift
  if "$@"; then
    echo "ok    $name"
  else
    echo "FAIL  $name" >&2
    status=1
  fi
}

swift_roots=(Package.swift)
for directory in Sources Tests Fuzz Examples; do
  [[ -d "$directory" ]] && swift_roots+=("$directory")
done

check "formatting (make format)" \
  "${SWIFT:-swift}" format lint --strict --recursive --parallel "${swift_roots[@]}"
check "imports point down" scripts/check-imports.sh
check "file sizes" scripts/check-file-sizes.sh
check "safety notes" scripts/check-safety-notes.sh
check "no machine paths" scripts/check-machine-paths.sh

# What a merge leaves where both sides changed something.
no_conflict_markers() {
  ! git grep -nIE '^(<<<<<<<|>>>>>>>) ' -- . >&2
}
check "no conflict markers" no_conflict_markers
exit "$status"
