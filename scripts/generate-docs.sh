#!/usr/bin/env bash
# Writes the pages that the release binary knows best; with --check, fails where one has drifted.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly sluice=.build/release/sluice
status=0

# generate PAGE ARGUMENT...: what `sluice ARGUMENT...` prints belongs into PAGE.
generate() {
  local page="$1" text
  shift
  text="$("$sluice" "$@" && echo end)"
  text="${text%end}"
  if [[ "$check" != --check ]]; then
    mkdir -p "$(dirname "$page")"
    printf '%s' "$text" >"$page"
  elif ! cmp -s "$page" <(printf '%s' "$text"); then
    echo "$page is not what the code says; run make docs" >&2
    status=1
  fi
}

check="${1:-}"
for page in $("$sluice" reference); do generate "docs/reference/$page" reference "$page"; done
exit "$status"
