#!/bin/sh
# Builds and runs fuzz targets: Fuzz/run.sh TARGET|all SECONDS. See Fuzz/README.md.
set -eu
cd "$(dirname "$0")/.."
target=${1:?usage: Fuzz/run.sh TARGET|all SECONDS}
seconds=${2:-60}
targets="request response chunked path cache encoding proxy frames messages handshake json config expression template jwt kong nginx http2 hello records"

if [ "$target" = all ]; then
  for target in $targets; do "$0" "$target" "$seconds"; done
  exit
fi

work=.fuzz/$target
leaks=1
mkdir -p "$work" ".fuzz/corpus/$target" ".fuzz/crashes/$target"

# -Ounchecked is out of the question: the traps are what is looked for.
compile() {
  swiftc -O -g -wmo -parse-as-library -swift-version 6 -sanitize=fuzzer,address \
    -enable-upcoming-feature ExistentialAny \
    -enable-upcoming-feature InternalImportsByDefault \
    -enable-upcoming-feature MemberImportVisibility \
    -enable-experimental-feature Lifetimes "$@"
}

# A module of its own, for what imports it: module NAME SOURCES...
module() {
  name=$1
  shift
  compile -module-name "$name" -enable-testing -I "$work" -I "$yams/CYaml/include" \
    -emit-module -emit-module-path "$work/$name.swiftmodule" -emit-object -o "$work/$name.o" "$@"
}

# One module of everything that is given, for what needs no more than SluiceWire.
wire() {
  compile -module-name Fuzz -emit-executable -emit-module-path "$work/Fuzz.swiftmodule" \
    Sources/SluiceWire/*.swift "$@" "Fuzz/Targets/$target.swift" -o "$work/fuzz"
}

# SluiceConfiguration as a module, with what it is made of.
configuration() {
  # Indirect enums keep tags in pointers, which the leak detector does not follow; what grows shows in
  # the memory limit.
  leaks=0
  swift package resolve
  yams=.build/checkouts/Yams/Sources
  for source in "$yams"/CYaml/src/*.c; do
    clang -O1 -g -fsanitize=fuzzer-no-link,address -I "$yams/CYaml/include" \
      -c "$source" -o "$work/$(basename "$source" .c).c.o"
  done
  swiftc -O -g -wmo -parse-as-library -swift-version 5 -sanitize=address -module-name Yams -DSWIFT_PACKAGE \
    -I "$yams/CYaml/include" -emit-module -emit-module-path "$work/Yams.swiftmodule" \
    -emit-object -o "$work/Yams.o" "$yams"/Yams/*.swift
  module SluiceWire Sources/SluiceWire/*.swift
  # shellcheck disable=SC2046
  module SluiceConfiguration $(find Sources/SluiceConfiguration -name '*.swift')
}

# Slow and obvious models, which the tests compare with too.
models=Tests/SluiceWireTests

case $target in
  request | response | chunked | path | encoding | proxy | handshake | hello) wire Fuzz/Targets/Support.swift ;;
  frames | messages)
    wire Fuzz/Targets/Support.swift Fuzz/Targets/WebSocketSetting.swift \
      "$models/WebSocketModel.swift" "$models/WebSocketFeeding.swift"
    ;;
  json) wire Fuzz/Targets/Support.swift "$models/JSONModel.swift" ;;
  config | expression | template)
    configuration
    module Fuzz "Fuzz/Targets/$target.swift"
    swiftc -sanitize=fuzzer,address "$work"/*.o -o "$work/fuzz"
    ;;
  kong | nginx)
    configuration
    # shellcheck disable=SC2046
    module SluiceImport $(find Sources/SluiceImport -name '*.swift')
    module Fuzz "Fuzz/Targets/$target.swift"
    swiftc -sanitize=fuzzer,address "$work"/*.o -o "$work/fuzz"
    ;;
  cache)
    yams=.
    module SluiceWire Sources/SluiceWire/*.swift
    module Fuzz -DSEPARATE_MODULES "Fuzz/Targets/$target.swift" Fuzz/Targets/Support.swift \
      Sources/SluiceGateway/Policies/Cache/CacheVary.swift
    swiftc -sanitize=fuzzer,address "$work"/*.o -o "$work/fuzz"
    ;;
  jwt)
    configuration
    gateway=Sources/SluiceGateway
    module Fuzz -I Sources/COpenSSL "Fuzz/Targets/$target.swift" \
      "$gateway/Policies/JWT/SignedToken.swift" "$gateway/Policies/Parts/JSONTree.swift" \
      "$gateway/Cryptography/VerificationKey.swift" "$gateway/Cryptography/SHA256.swift" \
      Tests/SluiceGatewayTests/Policies/TokenFixtures.swift
    swiftc -sanitize=fuzzer,address "$work"/*.o -lcrypto -lssl -o "$work/fuzz"
    ;;
  records)
    reactor=Sources/SluiceReactor
    yams=.
    module SluiceWire Sources/SluiceWire/*.swift
    clang -O1 -g -fsanitize=fuzzer-no-link,address -c Sources/CTLS13/key_schedule.c -o "$work/key_schedule.c.o"
    module Fuzz -DSEPARATE_MODULES -I Sources/COpenSSL -I Sources/CTLS13/include \
      "Fuzz/Targets/$target.swift" Fuzz/Targets/Support.swift \
      "$reactor/MonotonicTime.swift" "$reactor"/TLS/TLSRecord*.swift "$reactor/TLS/TLSCiphers.swift" \
      "$reactor/TLS/TLSSecrets.swift" "$reactor/TLS/TLSTransport.swift"
    swiftc -sanitize=fuzzer,address "$work"/*.o -lcrypto -lssl -o "$work/fuzz"
    ;;
  http2)
    gateway=Sources/SluiceGateway
    yams=.
    module SluiceWire Sources/SluiceWire/*.swift
    # Of the reactor it needs the time's type.
    module SluiceReactor Sources/SluiceReactor/MonotonicTime.swift
    module Fuzz -DSEPARATE_MODULES -I Sources/CNGHTTP2 "Fuzz/Targets/$target.swift" Fuzz/Targets/Support.swift \
      "$gateway/Exchange/GatewayError.swift" \
      "$gateway"/HTTP2/*.swift "$gateway/Listener/HTTP2/HTTP2ServerSession.swift" \
      "$gateway/Policies/Parts/Blanks.swift" "$gateway/Listener/HTTP2/HTTP2Upgrade.swift"
    swiftc -sanitize=fuzzer,address "$work"/*.o -lnghttp2 -o "$work/fuzz"
    ;;
  *)
    echo "unknown target '$target'; known: $targets" >&2
    exit 2
    ;;
esac

export ASAN_OPTIONS="detect_leaks=$leaks"
exec "$work/fuzz" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 -max_len=4096 \
  -detect_leaks="$leaks" \
  -print_final_stats=1 -artifact_prefix=".fuzz/crashes/$target/" \
  ".fuzz/corpus/$target" "Fuzz/Corpus/$target"
