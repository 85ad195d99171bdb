import COpenSSL
import SluiceConfiguration
import SluiceGateway
import SluiceWire

/// Who may ask the admin API.
struct AdminAccess: Sendable {
  /// What `Authorization` must say; nil lets in whoever reaches the listener.
  private let token: [UInt8]?

  init(_ settings: Configuration.Admin?) { token = settings?.token.map { Array($0.utf8) } }

  func check(_ request: LocalRequest, _ endpoint: AdminEndpoint) throws(AdminProblem) {
    if endpoint.isOpen { return }
    guard let token else {
      if let host = request.host, !Self.isLocal(host) { throw AdminProblem(.hostNotLocal) }
      if Self.isFromPage(request) { throw AdminProblem(.fromWebPage) }
      return
    }
    guard let shown = Self.bearer(request.field("authorization")), Self.isSame(shown, token) else {
      throw AdminProblem(.unauthorized)
    }
  }

  /// RFC 6750 2.1; the scheme's case does not matter (RFC 9110 11.1).
  private static func bearer(_ field: String?) -> [UInt8]? {
    guard let field, field.prefix(7).lowercased() == "bearer " else { return nil }
    return Array(field.dropFirst(7).utf8)
  }

  /// Takes as long for a wrong token as for the right one; only its length can be measured.
  static func isSame(_ shown: [UInt8], _ token: [UInt8]) -> Bool {
    shown.count == token.count && CRYPTO_memcmp(shown, token, token.count) == 0
  }

  /// Whether a Host field says `localhost` or a loopback address. A page in a browser on this machine
  /// can get its own name resolved to 127.0.0.1 and read the answers (DNS rebinding), but then it
  /// sends that name. Where a token is asked for, such a page has none.
  static func isLocal(_ host: String) -> Bool {
    let name: Substring
    if host.hasPrefix("["), let bracket = host.firstIndex(of: "]") {
      name = host[..<bracket].dropFirst()
    } else {
      name = host.prefix { $0 != ":" }
    }
    return name.lowercased() == "localhost" || IPAddress(String(name))?.isLoopback == true
  }

  /// Whether a web page made the browser ask. Any page may send simple requests to `127.0.0.1`, of any method but
  /// GET and HEAD with its `Origin` (Fetch standard, 3.2); it can't read the answer, but what was asked is done.
  /// `Sec-Fetch-Site` tells of the others; what a person typed has `none`. The API serves no page, so that no
  /// `Origin` is its own.
  static func isFromPage(_ request: LocalRequest) -> Bool {
    request.fields.contains { name, value in
      switch name.lowercased() {
      case "origin": true
      case "sec-fetch-site": value != "none" && value != "same-origin"
      default: false
      }
    }
  }
}
