import Glibc
import SluiceReactor

/// Where an admin API is: `http://127.0.0.1:9901`, `http://gateway.internal:9901` or
/// `unix:/run/sluice-admin.sock`.
struct AdminAddress {
  private enum Place {
    case network(host: String, port: String)
    case unix(path: String)
  }

  /// As the user wrote it.
  let text: String
  private let place: Place

  /// Nil when the text is no such address.
  init?(_ text: String) {
    self.text = text
    if text.hasPrefix("unix:/") {
      place = .unix(path: String(text.dropFirst("unix:".count)))
      return
    }
    guard text.hasPrefix("http://") else { return nil }
    var rest = text.dropFirst("http://".count)
    if rest.hasSuffix("/") { rest = rest.dropLast() }
    guard !rest.isEmpty, !rest.contains("/"), !rest.contains("@") else { return nil }
    var port = "80"
    if let colon = rest.lastIndex(of: ":"), !rest[colon...].contains("]") {
      port = String(rest[rest.index(after: colon)...])
      rest = rest[..<colon]
    }
    if rest.hasPrefix("["), rest.hasSuffix("]") { rest = rest.dropFirst().dropLast() }
    guard !rest.isEmpty, UInt16(port) != nil else { return nil }
    place = .network(host: String(rest), port: port)
  }

  /// For the Host field.
  var host: String {
    switch place {
    case .network(let host, let port):
      host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    case .unix: "localhost"
    }
  }

  /// Looks the name up, where there is one; blocks.
  func resolve() throws(AdminClient.Failure) -> [SocketAddress] {
    switch place {
    case .unix(let path):
      guard let address = SocketAddress(unixPath: Array(path.utf8)) else {
        throw .notReachable(address: text, reason: "the path is too long")
      }
      return [address]
    case .network(let host, let port):
      var hints = addrinfo()
      hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
      var list: UnsafeMutablePointer<addrinfo>?
      let code = getaddrinfo(host, port, &hints, &list)
      defer { if let list { freeaddrinfo(list) } }
      guard code == 0 else {
        throw .notReachable(address: text, reason: String(cString: gai_strerror(code)))
      }
      var addresses: [SocketAddress] = []
      var entry = list
      while let info = entry?.pointee {
        if let address = info.ai_addr.flatMap({ SocketAddress($0, length: info.ai_addrlen) }) {
          addresses.append(address)
        }
        entry = info.ai_next
      }
      return addresses
    }
  }
}
