#!/usr/bin/env bash
# Brings the WebSocket clients and servers that Tests/Clients needs, from PyPI into .clients/venv.
#
# Installs nothing and asks for nothing when they are there already.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly venv=.clients/venv
readonly wanted=Tests/Clients/requirements.txt
readonly installed=.clients/installed.txt

# Kept only when everything was installed, so that a broken installation is made anew.
cmp -s "$wanted" "$installed" && exit 0

mkdir -p .clients
exec 9>.clients/lock
flock 9
cmp -s "$wanted" "$installed" && exit 0

echo "Installing test clients from PyPI into $venv: $(grep -v '^#' "$wanted" | paste -sd' ')"
rm -rf "$venv"
python3 -m venv "$venv"
if ! "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$wanted"; then
  echo "The test clients could not be installed; the tests with real clients need them." >&2
  exit 1
fi
cp "$wanted" "$installed"
