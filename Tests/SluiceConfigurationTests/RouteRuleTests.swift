import Testing

@testable import SluiceConfiguration

@Suite struct RouteRuleTests {
  @Test(
    arguments: [
      ("a", "it must start with /"),
      ("/a//b", "it has an empty segment\n  hint: requests come with single slashes"),
      ("/a/../b", "it has a dot segment\n  hint: requests come with dot segments resolved"),
      ("/a/.", "it has a dot segment\n  hint: requests come with dot segments resolved"),
      ("/a/%2f", "percent-encoding stands in upper case, as in %2F"),
      (
        "/%61",
        "it encodes a character that needs no encoding\n  hint: requests come with it decoded"
      ),
      ("/a%2", "'%' must be followed by two hexadecimal digits"),
      ("/%zz", "'%' must be followed by two hexadecimal digits"),
      ("/%00", "it has an encoded NUL"),
      ("/a?b", "it must be a path only, without query and fragment"),
      ("/ä", "it has a character that stands percent-encoded in a path"),
      ("/a/{x}/{x}", "it has two segments with the same name"),
      (
        "/a/x{x}",
        "braces enclose a whole segment: a name of letters, digits and _\n"
          + "  hint: write it like /orders/{id}/items"
      ),
      (
        "/{}",
        "braces enclose a whole segment: a name of letters, digits and _\n"
          + "  hint: write it like /orders/{id}/items"
      ),
    ], ["path", "prefix"])
  func paths(path: (text: String, message: String), key: String) {
    let column = key == "path" ? 42 : 44
    #expect(
      diagnostics(file(route: "match: {\(key): '\(path.text)'}")) == [
        "4:\(column): error: routes.a.match.\(key): '\(path.text)' is not a path: \(path.message)"
      ])
  }

  @Test(arguments: ["/", "/a/", "/a/{id}/b", "/a%2Fb", "/a%20b", "/~a-b_c.d!$&'()*+,;=:@"])
  func pathsThatAreRight(path: String) {
    #expect(diagnostics(file(route: "match: {path: \"\(path)\"}")) == [])
  }

  @Test(arguments: [
    (
      "match: {path: /a, regex: b}",
      """
      4:46: error: routes.a.match has both 'path' and 'regex'
        hint: a route has one of path, prefix, startsWith and regex
      """
    ),
    (
      "match: {regex: ''}",
      "4:43: error: routes.a.match.regex: '' is not a regular expression: it is empty"
    ),
    (
      "match: {regex: (}",
      "4:43: error: routes.a.match.regex: '(' is not a regular expression: missing )"
    ),
    (
      "match: {hosts: ['a.*.b']}",
      "4:44: error: routes.a.match.hosts[0]: 'a.*.b' is not a host name, *.name, name.* or ~regex: "
        + "a wildcard stands for "
        + "whole labels at the front or at the end, as in *.example.com"
    ),
    (
      "match: {serverNames: [a]}",
      """
      4:36: error: routes.a.match.serverNames: no listener of this route has 'tls', so it never matches
        hint: give a listener tls, or use hosts
      """
    ),
    (
      "match: {headersRegex: {x: '('}}",
      "4:54: error: routes.a.match.headersRegex.x: '(' is not a regular expression: missing )"
    ),
    (
      "match: {addresses: [10.0.0.1/8]}",
      "4:48: error: routes.a.match.addresses[0]: '10.0.0.1/8' is not an address range: bits behind the prefix are set"
    ),
    (
      "match: {hosts: ['a_-.*']}",
      "4:44: error: routes.a.match.hosts[0]: 'a_-.*' is not a host name, *.name, name.* or ~regex: "
        + "'a_-' is no host name"
    ),
    (
      "match: {hosts: ['~']}",
      "4:44: error: routes.a.match.hosts[0]: '~' is not a host name, *.name, name.* or ~regex: "
        + "the regular expression is empty"
    ),
    (
      "match: {hosts: [a, '~(']}",
      "4:47: error: routes.a.match.hosts[1]: '~(' is not a regular expression: missing )"
    ),
    (
      "match: {hosts: [a, '*']}",
      "4:47: error: routes.a.match.hosts[1]: '*' is not a host name, *.name, name.* or ~regex: "
        + "a wildcard stands for "
        + "whole labels at the front or at the end, as in *.example.com"
    ),
    (
      "match: {hosts: ['a:80']}",
      """
      4:44: error: routes.a.match.hosts[0]: 'a:80' is not a host name, *.name, name.* or ~regex
        hint: a route's hosts are without port
      """
    ),
    (
      "match: {methods: [get]}",
      """
      4:46: error: routes.a.match.methods[0]: 'get' is not a method: methods are case-sensitive
        hint: write GET
      """
    ),
    (
      "match: {methods: [CONNECT]}",
      "4:46: error: routes.a.match.methods[0]: 'CONNECT' is not a method: CONNECT is always refused"
    ),
    (
      "match: {methods: [G T]}",
      """
      4:46: error: routes.a.match.methods[0]: 'G T' is not a method
        hint: write it like GET
      """
    ),
    (
      "match: {headers: {a b: x}}",
      "4:46: error: routes.a.match.headers: 'a b' is not a header field name"
    ),
    (
      "match: {headers: {c: \"\\n\"}}",
      "4:49: error: routes.a.match.headers.c: '\\u{a}' is not a header field value: it has a "
        + "control "
        + "character"
    ),
    ("match: {query: {'': x}}", "4:44: error: routes.a.match.query: '' is not a parameter name"),
    (
      "match: {listeners: [wob]}",
      """
      4:48: error: routes.a.match.listeners: no listener is named 'wob'
        hint: did you mean 'web'?
      """
    ),
    (
      "match: {path: /a}, path: {stripPrefix: true, replacePrefix: /x}",
      """
      4:73: error: routes.a.path has both 'stripPrefix' and 'replacePrefix'
        hint: remove one of them
      """
    ),
    (
      "match: {regex: a}, path: {stripPrefix: true}",
      "4:54: error: routes.a.path.stripPrefix has no prefix to work on: the route matches by regex"
    ),
    (
      "path: {replacePrefix: /}",
      "4:35: error: routes.a.path.replacePrefix needs 'path', 'prefix' or 'startsWith' in the "
        + "route's match"
    ),
    (
      "match: {path: /a}, path: {replacePrefix: '/{x}'}",
      "4:69: error: routes.a.path.replacePrefix: '/{x}' is not a path: it must not have {name} "
        + "segments"
    ),
    (
      "kind: http, connection: {}",
      """
      4:40: error: routes.a.connection is for kind: websocket, and this route is http
        hint: set kind: websocket, or use timeouts
      """
    ),
  ])
  func routes(route: String, expected: String) {
    #expect(diagnostics(file(route: route)) == [expected])
  }

  @Test func labelsHaveAFormAndAreFew() {
    func problems(_ labels: String) -> [String] {
      diagnostics(file(route: "kind: websocket, connection: {labels: {\(labels)}}"))
    }
    let (longest, tooLong) = (
      String(repeating: "x", count: 128), String(repeating: "x", count: 129)
    )
    #expect(problems("team: trading, a.b-c_1: '\(longest)'") == [])
    #expect(problems("Team: a").first?.contains("1 to 64 lower-case letters") == true)
    #expect(problems("team: '\(tooLong)'").first?.contains("1 to 128 bytes") == true)
    #expect(problems("team: ''").first?.contains("1 to 128 bytes") == true)
    func some(_ count: Int) -> String { (1...count).map { "l\($0): x" }.joined(separator: ", ") }
    #expect(problems(some(16)) == [])
    #expect(
      problems(some(17)).first?.contains("has 17 labels, and a session has room for 16") == true)
  }

  @Test func serviceMustExist() {
    #expect(
      diagnostics(file().replacing("service: api", with: "service: apo")) == [
        """
        4:23: error: routes.a.service: no service is named 'apo'
          hint: did you mean 'api'?
        """
      ])
  }

  @Test(arguments: [
    ("", ""),
    ("match: {path: '/a/{x}'}", "match: {path: '/a/{y}'}"),
    (
      "match: {hosts: [A, b], methods: [GET, PUT]}",
      "match: {methods: [PUT, GET], hosts: [b, a]}"
    ),
    ("match: {headers: {X-A: b}, query: {q: '*'}}", "match: {query: {q: '*'}, headers: {x-a: b}}"),
    ("match: {listeners: [web]}", "match: {listeners: [web]}"),
    ("match: {regex: a}", "match: {regex: a}"),
  ])
  func sameMatch(first: String, second: String) {
    let text = file(route: first).replacing(
      "routes: {", with: "routes:\n  {\n  b: {service: api, \(second)},\n  ")
    #expect(
      diagnostics(text) == [
        """
        7:3: error: routes.a on line 7 matches exactly what routes.b on line 6 matches
          hint: give one of them a further condition, or remove it
        """
      ])
  }

  @Test(arguments: [
    ("match: {path: /a}", "match: {prefix: /a}"),
    ("match: {path: /a}", "match: {path: /A}"),
    ("match: {path: /a, methods: [GET]}", "match: {path: /a}"),
    ("match: {path: '/{x}'}", "match: {path: /x}"),
    ("match: {headers: {a: b}}", "match: {headers: {a: B}}"),
  ])
  func differentMatch(first: String, second: String) {
    let text = file(route: first).replacing(
      "routes: {", with: "routes: {b: {service: api, \(second)}, ")
    #expect(diagnostics(text) == [])
  }
}
