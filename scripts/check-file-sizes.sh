#!/usr/bin/env bash
# No source file is longer than 500 lines, unless a line among its first ten says why:
#     // LONG: one table of status codes, read from top to bottom.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly limit=500
status=0
while IFS= read -r -d '' file; do
  [[ -f "$file" ]] || continue
  lines="$(wc -l <"$file")"
  ((lines <= limit)) && continue
  head -n 10 "$file" | grep -qE '(//|#) LONG: .+' && continue
  echo "$file: $lines lines; split it by concept (the limit is $limit)" >&2
  status=1
done < <(git ls-files -z --cached --others --exclude-standard -- '*.swift' '*.c' '*.h' '*.py' '*.sh')
exit "$status"
