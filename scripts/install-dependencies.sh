#!/usr/bin/env bash
# Installs the system packages that building, testing or measuring needs, and says which.
#
#   install-dependencies.sh PURPOSE...      PURPOSE is build, test, browser or bench
#
# Installs nothing and asks for nothing when everything is there already.
set -euo pipefail

# One need per line: what proves that it is there, then the Debian package that brings it.
# `command` looks on PATH, `program` in /usr/sbin, too, which is not on everybody's, `header` in
# /usr/include, `module` asks Python.
needs() {
  case "$1" in
    build)
      echo "command git git"
      echo "command pkg-config pkg-config"
      echo "header stdio.h libc6-dev"
      echo "header nghttp2/nghttp2.h libnghttp2-dev"
      echo "header pcre2.h libpcre2-dev"
      echo "header openssl/ssl.h libssl-dev"
      echo "header zlib.h zlib1g-dev"
      echo "header brotli/encode.h libbrotli-dev"
      echo "header zstd.h libzstd-dev"
      echo "header crypt.h libcrypt-dev"
      echo "libstdcxx - g++"
      ;;
    test)
      echo "command curl curl"
      echo "command flock util-linux"
      echo "command h2load nghttp2-client"
      echo "program nginx nginx"
      echo "command openssl openssl"
      echo "command python3 python3"
      echo "module ensurepip python3-venv"
      ;;
    browser)
      echo "command chromium chromium"
      ;;
    bench)
      echo "command cc gcc"
      echo "command openssl openssl"
      echo "command python3 python3"
      echo "module ensurepip python3-venv"
      echo "command h2load nghttp2-client"
      echo "command strace strace"
      echo "command taskset util-linux"
      echo "command valgrind valgrind"
      ;;
    *)
      echo "install-dependencies.sh: unknown purpose '$1' (build, test, browser or bench)" >&2
      exit 2
      ;;
  esac
}

present() {
  case "$1" in
    command) command -v "$2" >/dev/null ;;
    program) command -v "$2" >/dev/null || [[ -x "/usr/sbin/$2" ]] ;;
    header) [[ -e "/usr/include/$2" ]] ;;
    module) python3 -c "import $2" 2>/dev/null ;;
    # The toolchain links against whichever version the distribution has.
    libstdcxx) compgen -G '/usr/lib/gcc/*/*/libstdc++.so' >/dev/null ;;
  esac
}

missing=()
for purpose in "$@"; do
  required="$(needs "$purpose")"
  while read -r kind name package; do
    present "$kind" "$name" || missing+=("$package")
  done <<<"$required"
done
((${#missing[@]})) || exit 0

mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)

if ! command -v apt-get >/dev/null; then
  {
    echo "Please install these first (they are named as on Debian): ${missing[*]}"
    echo "This script installs packages on Debian and Ubuntu only."
  } >&2
  exit 1
fi

as_root=()
if ((EUID != 0)); then
  if ! command -v sudo >/dev/null; then
    echo "Please install these as root first: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi

echo "Installing system packages for $*: ${missing[*]}"
apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq \
    -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 "$@" </dev/null
}
apt update
apt install --yes --no-install-recommends "${missing[@]}" >/dev/null
