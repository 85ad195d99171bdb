#!/bin/sh
# Makes an authority and the certificates of this example: certificates.sh FOLDER
set -eu
mkdir -p "$1"
cd "$1"

# An authority of our own; in production that is a public one, or your company's.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
  -subj "/CN=Example Authority" -addext "keyUsage=critical,keyCertSign,cRLSign" \
  -keyout ca.key -out ca.pem 2>/dev/null

# issue NAME SUBJECT ALTERNATIVE-NAMES KEY-OPTIONS...: a key and a certificate for it.
issue() {
  name=$1 subject=$2 names=$3
  shift 3
  openssl req -newkey "$@" -nodes -subj "/CN=$subject" -keyout "$name.key" -out "$name.csr" \
    2>/dev/null
  printf 'subjectAltName=%s\nbasicConstraints=CA:FALSE\n' "$names" >"$name.ext"
  openssl x509 -req -in "$name.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 \
    -extfile "$name.ext" -out "$name.pem" 2>/dev/null
  rm "$name.csr" "$name.ext"
}

p256="ec -pkeyopt ec_paramgen_curve:P-256"
# shellcheck disable=SC2086 # options, word by word
{
  issue server localhost "DNS:localhost,IP:127.0.0.1" $p256
  issue server-rsa localhost "DNS:localhost,IP:127.0.0.1" rsa:2048
  issue wildcard "Example wildcard" "DNS:*.example.test" $p256
  issue alice alice "email:alice@example.test" $p256
  issue mallory mallory "email:mallory@example.test" $p256
}

# Mallory's certificate is revoked.
: >index.txt
echo 01 >crlnumber
cat >ca.cnf <<'CONFIGURATION'
[ca]
default_ca = authority
[authority]
database = index.txt
crlnumber = crlnumber
default_md = sha256
default_crl_days = 30
CONFIGURATION
openssl ca -config ca.cnf -cert ca.pem -keyfile ca.key -revoke mallory.pem 2>/dev/null
openssl ca -config ca.cnf -cert ca.pem -keyfile ca.key -gencrl -out revoked.pem 2>/dev/null
rm -f index.txt* crlnumber* ca.cnf ca.srl
