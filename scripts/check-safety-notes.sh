#!/usr/bin/env bash
# What the compiler cannot check has a `// SAFETY:` note that states the invariant: on the same
# line, or in the comment directly above the statement (at most six lines up).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Constructions that suspend a guarantee of the language. Using a pointer inside a closure that
# the standard library scopes (`withUnsafe…`) is not among them.
readonly patterns='@unchecked[[:space:]]+Sendable|nonisolated\(unsafe\)|unowned\(unsafe\)|unsafeBitCast\(|_unsafeElements:|_unsafeBytes:|_unsafeStart:|Unmanaged(<[^>]*>)?\.(from|pass)|\.assumingMemoryBound\(|unsafeDowncast\(|@exclusivity\(unchecked\)|_overrideLifetime\('

[[ -d Sources ]] || exit 0
find Sources -name '*.swift' -print0 | xargs -0 -r awk -v patterns="$patterns" '
  FNR == 1 { note = -100 }
  /SAFETY:/ { note = FNR }
  {
    code = $0
    sub(/\/\/.*/, "", code)
    if (code ~ patterns && FNR - note > 6) {
      printf "%s:%d: needs a \"// SAFETY:\" note: %s\n", FILENAME, FNR, $0 > "/dev/stderr"
      failed = 1
    }
  }
  END { exit failed }
'
