#!/usr/bin/env bash
# Imports between our modules point down only, and the data plane has no Foundation.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Which of our own modules a module may import.
allowed() {
  case "$1" in
    SluiceWire) echo "" ;;
    SluiceReactor | SluiceConfiguration) echo "SluiceWire" ;;
    SluiceGateway) echo "SluiceWire SluiceReactor SluiceConfiguration" ;;
    SluiceImport) echo "SluiceWire SluiceConfiguration" ;;
    SluiceControl) echo "SluiceWire SluiceReactor SluiceConfiguration SluiceGateway SluiceImport" ;;
    sluice) echo "SluiceWire SluiceReactor SluiceConfiguration SluiceGateway SluiceImport SluiceControl" ;;
    *) return 1 ;;
  esac
}

status=0
complain() {
  echo "$1: $2" >&2
  status=1
}

# The last word of an import, without submodule or symbol: `public import struct A.B` gives A.
imports='^[[:space:]]*(@[A-Za-z_()]+[[:space:]]+)*((public|package|internal|fileprivate|private)[[:space:]]+)?import[[:space:]]'
for directory in Sources/*/; do
  module="$(basename "$directory")"
  [[ "$module" == C[A-Z]* ]] && continue
  if ! below="$(allowed "$module")"; then
    complain "$directory" "an unknown module; say in scripts/check-imports.sh what it may import"
    continue
  fi
  while IFS=: read -r file line text; do
    imported="$(sed -E 's/[[:space:]]*(\/\/.*)?$//; s/.*[[:space:]]//; s/\..*//' <<<"$text")"
    case "$imported" in
      Sluice*)
        [[ " $below " == *" $imported "* ]] ||
          complain "$file:$line" "$module may not import $imported"
        ;;
      Foundation*)
        case "$module" in
          SluiceWire | SluiceReactor | SluiceGateway)
            complain "$file:$line" "$module is on the request path and may not import $imported"
            ;;
        esac
        ;;
    esac
  done < <(grep -rnE --include='*.swift' "$imports" "$directory" || true)
done
exit "$status"
