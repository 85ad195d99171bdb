import Testing

/// One configuration that nginx and this gateway both run, and the requests that both get.
///
/// `PORT` stands for the port that is listened on, `TARGET` for `127.0.0.1:…` of the upstream that
/// records, `DEAD` for an address where nobody listens.
struct NginxCase: Sendable, CustomTestStringConvertible {
  let name: String
  /// What stands in `http`.
  let http: String
  let requests: [NginxRequest]
  /// Fields of targets or callers that this case does not compare, in lower case.
  let ignoring: Set<String>

  /// A file of passwords in all the ways that both check.
  static let users = """
    alice:{PLAIN}secret
    bob:{PLAIN}hidden:too
    carol:$6$saltsalt$B4hCqgm17uiIay2FV5/DrsuGN0WEXmz61IWsUbmpWC0TYLIpIuLgjWvrzR82GnH9XWbOCl1rt5U1REfd0V7uC.
    dave:{SSHA}ldrVauEXtzDihoJUlBfeLGTYCtRhYmNkMTIzNA==
    dave:{PLAIN}later
    erin:$apr1$saltsalt$LrttParrLPdxvgutaSXWJ0
    frank:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=
    grace:$1$saltsalt$9xy1btjgzLYfb7hivXtC//

    """

  var testDescription: String { name }

  init(_ name: String, http: String, ignoring: Set<String> = [], _ requests: [NginxRequest]) {
    self.name = name
    self.http = http
    self.requests = requests
    self.ignoring = ignoring
  }

  /// One server with these directives.
  init(_ name: String, _ server: String, ignoring: Set<String> = [], _ requests: [NginxRequest]) {
    self.init(
      name, http: "server { listen 127.0.0.1:PORT; \(server) }", ignoring: ignoring, requests)
  }
}

struct NginxRequest: Sendable, ExpressibleByStringLiteral {
  var method = "GET"
  var target: String
  var host: String?
  var fields: [String] = []
  var body = ""
  /// So often, one after the other.
  var count = 1

  init(
    _ target: String, method: String = "GET", host: String? = nil, _ fields: String...,
    body: String = "", count: Int = 1
  ) {
    self.target = target
    self.method = method
    self.host = host
    self.fields = fields
    self.body = body
    self.count = count
  }

  init(stringLiteral target: String) { self.init(target) }

  func text(port: UInt16) -> String {
    var text = "\(method) \(target) HTTP/1.1\r\nHost: \(host ?? "gateway.test"):\(port)\r\n"
    for field in fields { text += "\(field)\r\n" }
    if !body.isEmpty { text += "Content-Length: \(body.utf8.count)\r\n" }
    return "\(text)\r\n\(body)"
  }
}
