import Testing

@testable import SluiceConfiguration

/// Every rule on its own, in an otherwise right file: exactly this one message.
@Suite struct RuleTests {
  @Test(arguments: [
    // Types and bounds.
    (file().replacing("version: 1", with: "version: 2"), "1:10: error: version must be 1, not '2'"),
    (
      file(rest: "workers: 0"),
      "5:10: error: workers: '0' is not auto or a number of threads: write auto or a number "
        + "from 1 to 1024"
    ),
    (
      file(rest: "workers: [1]"),
      "5:10: error: workers must be auto or a number of threads, not a list"
    ),
    (file(rest: "accessLog: [json]"), "5:12: error: accessLog must be a map, not a list"),
    (
      file(rest: "accessLog: {format: }"),
      "5:21: error: accessLog.format needs a value: one of json, off"
    ),
    (
      file(listener: "forwarded: {xForwarded: yes}"),
      "2:70: error: listeners.web.forwarded.xForwarded must be true or false, not 'yes'"
    ),
    (
      file(listener: "limits: {fields: 0}"),
      "2:63: error: listeners.web.limits.fields must be 1 to 10000, not '0'"
    ),
    (
      file(listener: "limits: {fields: 010}"),
      "2:63: error: listeners.web.limits.fields must be a whole number, not '010'"
    ),
    (
      file(listener: "limits: {fields: 1.5}"),
      "2:63: error: listeners.web.limits.fields must be a whole number, not '1.5'"
    ),
    (
      file(listener: "timeouts: {head: 0s}"),
      "2:63: error: listeners.web.timeouts.head must be 1ms to 8784h, not '0s'"
    ),
    (
      file(listener: "limits: {head: 3}"),
      "2:61: error: listeners.web.limits.head must be 1KiB to 1MiB, not '3'"
    ),
    (
      file(listener: "limits: {head: 3potato}"),
      """
      2:61: error: listeners.web.limits.head: '3potato' is not a number of bytes
        hint: units are B, KiB, MiB, GiB, KB, MB and GB, as in 64KiB
      """
    ),
    (
      file(service: "balance: round-robbin"),
      """
      3:61: error: services.api.balance: 'round-robbin' is not one of round-robin, \
      least-connections, \
      random-two-choices, consistent-hash
        hint: did you mean 'round-robin'?
      """
    ),
    (
      file(rest: "polices: {}"),
      """
      5:1: error: unknown key 'polices'
        hint: did you mean 'policies'?
      """
    ),
    (
      file(rest: "rate-limit: {limit: 5, window: 1s}"),
      """
      5:1: error: unknown key 'rate-limit'
        hint: it belongs into 'policies'
      """
    ),
    (
      file(service: "connect: 5s"),
      """
      3:52: error: unknown key 'connect' in services.api
        hint: it belongs into 'timeouts'
      """
    ),
    (
      file(rest: "policies: {request-i: {}}"),
      """
      5:12: error: policies.request-i: no policy is named 'request-i'
        hint: did you mean 'request-id'?
      """
    ),
    (
      file(rest: "policies: {request-id: {header: a b}}"),
      "5:33: error: policies.request-id.header: 'a b' is not a header field name"
    ),
    (file(rest: "workers: !foo 3"), "5:10: error: unknown tag '!foo'"),
    (file(rest: "accessLog: {<<: 3}"), "5:17: error: '<<' merges maps, not '3'"),
    (file(rest: "? [a]\n: b"), "5:3: error: a key must be text, not a list"),
    (
      file(rest: "accessLog: {output: stdot}"),
      "5:21: error: accessLog.output: 'stdot' is not stdout, stderr or a path: a path has a / in it"
    ),
    ("version: 1\nlisteners: {}", "2:1: error: listeners needs at least one entry"),
    ("version: 1\nlisteners:", "2:1: error: listeners needs at least one entry"),
  ])
  func shape(text: String, expected: String) {
    #expect(diagnostics(text) == [expected])
  }

  @Test(arguments: [
    (
      "localhost:8080",
      """
      'localhost:8080' is not a listener address: a listener is bound to an IP address, not to \
      a name
        hint: 0.0.0.0 and [::] stand for every interface, 127.0.0.1 for this machine only
      """
    ),
    (
      "8080",
      """
      '8080' is not a listener address: it needs a port from 0 to 65535 at its end
        hint: write it like 0.0.0.0:8080
      """
    ),
    (
      "::1:80",
      """
      '::1:80' is not a listener address: an IPv6 address stands in brackets
        hint: write it like [2001:db8::1]:8080
      """
    ),
    (
      "[1.2.3.4]:80",
      "'[1.2.3.4]:80' is not a listener address: what stands in the brackets is not an IPv6 address"
    ),
    (
      "unix:run/x",
      "'unix:run/x' is not a listener address: the path of a Unix-domain socket starts with /"
    ),
  ])
  func listenerAddress(address: String, message: String) {
    let text = file().replacing("127.0.0.1:8080", with: address)
    #expect(diagnostics(text) == ["2:28: error: listeners.web.address: \(message)"])
  }

  /// Other ports, other addresses, and the other family share nothing.
  @Test(arguments: ["127.0.0.2:8080", "0.0.0.0:8081", "[::]:8080", "[::1]:8080", "0.0.0.0:0"])
  func listenersBesideEachOther(address: String) {
    let text = file().replacing("{web:", with: "{other: {address: '\(address)'}, web:")
    #expect(diagnostics(text) == [])
  }

  @Test(arguments: ["0.0.0.0:0", "[::]:65535", "[::ffff:127.0.0.1]:80", "unix:/run/a.sock"])
  func listenerAddressThatIsRight(address: String) {
    #expect(diagnostics(file().replacing("127.0.0.1:8080", with: address)) == [])
  }

  @Test(arguments: [
    (
      file().replacing(
        "{web:", with: "{v6: {address: '[::1]:80'}, other: {address: '[0:0::1]:80'}, web:"),
      "2:57: error: listeners.other has the address of listeners.v6"
    ),
    (
      file(rest: "admin: {address: 127.0.0.1:8080}"),
      "5:18: error: admin has the address of listeners.web"
    ),
    (
      file(rest: "admin:").replacing("8080", with: "9901"),
      "5:7: error: admin has the address of listeners.web"
    ),
    (
      file().replacing("{web:", with: "{all: {address: '0.0.0.0:8080'}, web:"),
      """
      2:60: warning: listeners.web has the port of listeners.all, and one of them stands for all \
      addresses: they can't be started together
        hint: give one of them another port, or each an address of its own
      """
    ),
    (
      file(rest: "admin: {address: '[::]:80', token: 0123456789abcdef}").replacing(
        "{web:", with: "{v6: {address: '[::1]:80'}, web:"),
      """
      5:18: warning: admin has the port of listeners.v6, and one of them stands for all \
      addresses: they can't be started together
        hint: give one of them another port, or each an address of its own
      """
    ),
    (
      file(rest: "admin: {address: 0.0.0.0:1}"),
      """
      5:18: error: admin.address: other machines could reach '0.0.0.0:1', and there is no \
      admin.token
        hint: set admin.token, or use 127.0.0.1, [::1] or a Unix-domain socket
      """
    ),
    (
      file(listener: "limits: {head: 4KiB}"),
      "2:61: error: listeners.web.limits.uri (8KiB) is more than head (4KiB), which it is part of"
    ),
    (
      file(listener: "trustedProxies: [10.0.0.0/8, 10.0.0.1/8]"),
      "2:75: error: listeners.web.trustedProxies[1]: '10.0.0.1/8' is not an address range: bits "
        + "behind "
        + "the prefix are set"
    ),
    (
      file(listener: "trustedProxies: [10.0.0.0/33]"),
      """
      2:63: error: listeners.web.trustedProxies[0]: '10.0.0.0/33' is not an address range
        hint: write it like 10.0.0.0/8 or 192.0.2.1
      """
    ),
    (
      file(listener: "trustedProxies: 10.0.0.0/8"),
      """
      2:62: error: listeners.web.trustedProxies must be a list, not '10.0.0.0/8'
        hint: write [10.0.0.0/8]
      """
    ),
    (
      file(listener: "forwarded: {via: a b}"),
      "2:63: error: listeners.web.forwarded.via: 'a b' is not a pseudonym: it must be a token"
    ),
    (
      file(rest: "hosts: {a: [b]}"),
      """
      5:13: error: hosts.a[0]: 'b' is not an IP address, with or without a port
        hint: write it like 192.0.2.1
      """
    ),
    (
      file(rest: "hosts: {x y: [1.2.3.4]}"),
      """
      5:9: error: hosts: 'x y' is not a host name, with or without a port
        hint: write it like time-service.internal
      """
    ),
    (file(rest: "hosts: {a: []}"), "5:9: error: hosts.a needs at least one entry"),
  ])
  func listeners(text: String, expected: String) {
    #expect(diagnostics(text) == [expected])
  }

  @Test func portZeroIsNeverTakenTwice() {
    let text = file().replacing("8080", with: "0")
      .replacing("{web:", with: "{other: {address: '127.0.0.1:0'}, web:")
    #expect(diagnostics(text) == [])
  }

  @Test(arguments: [
    ("ftp://b", "the scheme must be http, https or http+unix"),
    ("https://", "the host is neither a name nor an address"),
    ("a", "it has no scheme\n  hint: write it like http://host:8080"),
    ("http://", "the host is neither a name nor an address"),
    ("http://a:0", "the port must be a number from 1 to 65535"),
    ("http://a:65536", "the port must be a number from 1 to 65535"),
    ("http://[::1", "the port must be a number from 1 to 65535"),
    ("http://[::1]x", "the port must be a number from 1 to 65535"),
    ("http://[1.2.3.4]", "what stands in the brackets is not an IPv6 address"),
    ("http://a?b", "a target has neither a query nor a fragment"),
    ("http://a/b#c", "a target has neither a query nor a fragment"),
    ("http://u:p@a", "a target has no user name and password"),
    ("http://a/b//c", "it has an empty segment\n  hint: requests come with single slashes"),
    ("http://a/{b}", "it must not have {name} segments"),
    ("http+unix://x", "the path of a Unix-domain socket starts with /"),
    ("http://256.0.0.1", "the host is neither a name nor an address"),
    ("http://a b", "the host is neither a name nor an address"),
  ])
  func targetURL(url: String, message: String) {
    let text = file().replacing("http://api.internal", with: url)
    #expect(
      diagnostics(text) == [
        "3:28: error: services.api.targets[0]: '\(url)' is not a target: \(message)"
      ])
  }

  @Test(arguments: [
    ("http://API.internal", TargetURL(host: .network("api.internal"), port: 80, basePath: "")),
    ("http://10.0.0.1:81/", TargetURL(host: .network("10.0.0.1"), port: 81, basePath: "")),
    (
      "https://api.internal",
      TargetURL(host: .network("api.internal"), port: 443, isEncrypted: true, basePath: "")
    ),
    ("http://[::ffff:10.0.0.1]", TargetURL(host: .network("10.0.0.1"), port: 80, basePath: "")),
    ("http://[0::1]/a/b/", TargetURL(host: .network("::1"), port: 80, basePath: "/a/b")),
    ("http+unix:///run/a.sock", TargetURL(host: .unix(path: "/run/a.sock"), port: 0, basePath: "")),
  ])
  func targetURLThatIsRight(text: String, url: TargetURL) {
    #expect(TargetURL(text) == url)
    #expect(diagnostics(file().replacing("http://api.internal", with: text)) == [])
  }

  @Test(arguments: [
    (
      file().replacing("\"http://api.internal\"", with: ""),
      "3:18: error: services.api.targets needs at least one entry"
    ),
    (
      file().replacing("\"http://api.internal\"", with: "{weight: 3}"),
      """
      3:28: error: services.api.targets[0] needs 'url'
        hint: `http[s]://host[:port][/base]` or `http+unix:///path/to.sock`.
      """
    ),
    (
      file().replacing("\"http://api.internal\"", with: "{url: 'http://a', weight: 1001}"),
      "3:54: error: services.api.targets[0].weight must be 0 to 1000, not '1001'"
    ),
    (
      file().replacing("\"http://api.internal\"", with: "{url: 'http://a', weight: 0}"),
      "3:27: error: services.api: every target has weight 0, so none gets a request"
    ),
    (
      file().replacing("\"http://api.internal\"", with: "'http://a', 'http://A:80/'"),
      """
      3:40: error: services.api has this target already on line 3
        hint: a larger share is written as {url: …, weight: 2}
      """
    ),
    (
      file(service: "hash: address"),
      """
      3:52: error: services.api: 'hash' has no effect with balance round-robin
        hint: set balance: consistent-hash, or remove it
      """
    ),
    (
      file(service: "balance: consistent-hash"),
      """
      3:61: error: services.api: consistent-hash needs 'hash'
        hint: hash: address, path, consumer, header:NAME, cookie:NAME, query:NAME or capture:NAME
      """
    ),
    (
      file(service: "hashFallback: address"),
      """
      3:52: error: services.api: 'hashFallback' has no effect with balance round-robin
        hint: set balance: consistent-hash, or remove it
      """
    ),
    (
      file(service: "balance: consistent-hash, hash: address, hashCookiePath: /"),
      """
      3:93: error: services.api: 'hashCookiePath' has no effect: no cookie is hashed
        hint: set hash: cookie:NAME, or remove it
      """
    ),
    (
      file(service: "balance: consistent-hash, hash: cookie:a b"),
      "3:84: error: services.api.hash: 'cookie:a b' is not a hash key: the name behind the "
        + "colon is not "
        + "a token"
    ),
    (
      file(service: "host: a b"),
      """
      3:58: error: services.api.host: 'a b' is not preserve, target or a host
        hint: write it like preserve
      """
    ),
    (
      file(service: "health: {maxPause: 1s}"),
      "3:71: error: services.api.health.maxPause (1s) is less than pause (5s)"
    ),
    (
      file().replacing("{api:", with: "{api: {targets: ['http://b']}, -api:"),
      "3:42: error: services: '-api' is not a name: a name has 1 to 64 letters, digits, '.', "
        + "'_' and "
        + "'-', the first a letter or digit"
    ),
  ])
  func services(text: String, expected: String) {
    #expect(diagnostics(text) == [expected])
  }

  @Test(arguments: [
    (
      file(service: "retries: {statusAttempts: 2}"),
      """
      3:62: error: services.api.retries.statusAttempts has no effect without statuses
        hint: set statuses, or remove it
      """
    ),
    (
      file(service: "retries: {grpcAttempts: 2}"),
      """
      3:62: error: services.api.retries.grpcAttempts has no effect without grpc
        hint: set grpc, or remove it
      """
    ),
    (
      file(service: "retries: {idempotent: 0, nonIdempotent: true}"),
      """
      3:77: error: services.api.retries.nonIdempotent has no effect without idempotent or statuses
        hint: set idempotent or statuses, or remove it
      """
    ),
  ])
  func retries(text: String, expected: String) {
    #expect(diagnostics(text) == [expected])
  }

  /// gRPC-Web where nothing speaks gRPC.
  @Test(arguments: [
    (
      file(service: "policies: {grpc-web: {}}"), "services.api.policies.grpc-web",
      "service api does"
    ),
    (
      file(service: "groups: {a: {grpc-web: {}}}"), "services.api.groups.a.grpc-web",
      "service api does"
    ),
    (
      file(route: "match: {path: /a}, policies: {grpc-web: {}}"), "routes.a.policies.grpc-web",
      "service api does"
    ),
    (file(rest: "policies: {grpc-web: {}}"), "policies.grpc-web", "no service speaks"),
  ])
  func gRPCWeb(text: String, path: String, reason: String) {
    let found = diagnostics(text)
    #expect(found.count == 1)
    #expect(found.first?.contains("error: \(path): \(reason)") == true, "\(found)")
    #expect(
      diagnostics(text.replacing("{api: {targets", with: "{api: {protocol: http2, targets")) == [])
  }

  @Test(arguments: [
    (
      file(service: "health: {check: {type: tcp, path: /a}}"),
      """
      3:80: error: services.api.health.check.path has no effect with type tcp
        hint: set type: http, or remove it
      """
    ),
    (
      file(service: "protocol: http2, health: {check: {type: grpc, statuses: [200]}}"),
      """
      3:98: error: services.api.health.check.statuses has no effect with type grpc
        hint: set type: http, or remove it
      """
    ),
    (
      file(service: "health: {check: {service: a}}"),
      """
      3:69: error: services.api.health.check.service has no effect with type http
        hint: set type: grpc, or remove it
      """
    ),
    (
      file(service: "health: {check: {type: grpc}}"),
      """
      3:75: error: services.api.health.check.type: grpc needs targets that speak HTTP/2
        hint: set the service's protocol to http2
      """
    ),
    (
      file(service: "health: {check: {path: a}}"),
      "3:75: error: services.api.health.check.path: 'a' is not a path: it begins with / and has "
        + "visible ASCII characters other than #, at most 1024"
    ),
    (
      file(service: "health: {check: {statuses: [299-200]}}"),
      "3:80: error: services.api.health.check.statuses[0]: '299-200' is not a status or a range of "
        + "them: statuses are 200 to 599, the lower one first"
    ),
    (
      file(service: "health: {check: {interval: 99ms}}"),
      "3:79: error: services.api.health.check.interval must be 100ms to 24h, not '99ms'"
    ),
    (
      file(service: "health: {check: {unhealthyAfter: 0}}"),
      "3:85: error: services.api.health.check.unhealthyAfter must be 1 to 1000, not '0'"
    ),
  ])
  func healthChecks(text: String, expected: String) {
    #expect(diagnostics(text) == [expected])
  }
}
