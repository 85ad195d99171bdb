#!/usr/bin/env bash
# Says plainly what is missing when there is no Swift toolchain that can build this package.
set -euo pipefail

readonly needed_major=6 needed_minor=2
readonly install_page="https://www.swift.org/install/linux/"
readonly swift="${SWIFT:-swift}"

fail() {
  {
    echo "$1"
    echo "Sluice builds with Swift ${needed_major}.${needed_minor} or newer (6.3 recommended)."
    echo "Install it as described at ${install_page} and run make again."
  } >&2
  exit 1
}

if [[ "$(uname -s)" != Linux ]]; then
  echo "Sluice runs on Linux only (its reactor is built on epoll); this is $(uname -s)." >&2
  exit 1
fi

command -v "$swift" >/dev/null || fail "No Swift toolchain was found on PATH."

reported="$("$swift" --version 2>&1)" || fail "'$swift --version' fails: $reported"
if [[ ! "$reported" =~ Swift\ version\ ([0-9]+)\.([0-9]+) ]]; then
  fail "'$swift --version' names no version: $reported"
fi
major="${BASH_REMATCH[1]}" minor="${BASH_REMATCH[2]}"
if ((major < needed_major || (major == needed_major && minor < needed_minor))); then
  fail "The Swift toolchain on PATH is ${major}.${minor}: $(command -v "$swift")"
fi
