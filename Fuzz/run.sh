#!/bin/sh
# Builds and runs one fuzz target: Fuzz/run.sh TARGET SECONDS. See Fuzz/README.md.
set -eu
cd "$(dirname "$0")/.."
target=${1:?usage: Fuzz/run.sh TARGET SECONDS}
seconds=${2:-60}

# Which sources a target is built from, besides its own file and the shared ones.
case $target in
  request | response | chunked | path) sources="Sources/SluiceWire/*.swift" ;;
  *)
    echo "unknown target '$target'; known: request response chunked path" >&2
    exit 2
    ;;
esac

work=.fuzz/$target
mkdir -p "$work" ".fuzz/corpus/$target" ".fuzz/crashes/$target"
# -Ounchecked is out of the question: the traps are what is looked for.
# shellcheck disable=SC2086
swiftc -O -g -wmo -parse-as-library -swift-version 6 -module-name Fuzz \
  -sanitize=fuzzer,address \
  -enable-upcoming-feature ExistentialAny \
  -enable-upcoming-feature InternalImportsByDefault \
  -enable-upcoming-feature MemberImportVisibility \
  -enable-experimental-feature Lifetimes \
  $sources Fuzz/Targets/Support.swift "Fuzz/Targets/$target.swift" -o "$work/fuzz"

exec "$work/fuzz" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 -max_len=4096 \
  -print_final_stats=1 -artifact_prefix=".fuzz/crashes/$target/" \
  ".fuzz/corpus/$target" "Fuzz/Corpus/$target"
