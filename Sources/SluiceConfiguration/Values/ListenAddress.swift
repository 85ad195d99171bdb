import SluiceWire

/// Where a listener is bound: `192.0.2.1:8080`, `[2001:db8::1]:8080` or `unix:/run/sluice.sock`.
enum ListenAddress: Hashable, Sendable {
  /// Port 0 lets the kernel choose.
  case ip(IPAddress, port: UInt16)
  case unix(path: String)

  init?(_ text: String) {
    guard let address = try? Self(parsing: text) else { return nil }
    self = address
  }

  init(parsing text: String) throws(TextProblem) {
    if text.hasPrefix("unix:") {
      self = .unix(path: try parseSocketPath(text.dropFirst("unix:".count)))
      return
    }
    guard let colon = text.lastIndex(of: ":"), let port = parsePort(text[colon...].dropFirst())
    else {
      throw TextProblem(
        "it needs a port from 0 to 65535 at its end", hint: "write it like 0.0.0.0:8080")
    }
    let host = text[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") {
      self = .ip(try parseBracketedAddress(host), port: port)
      return
    }
    guard let address = IPAddress(String(host)) else {
      throw TextProblem(
        "a listener is bound to an IP address, not to a name",
        hint: "0.0.0.0 and [::] stand for every interface, 127.0.0.1 for this machine only")
    }
    // Not `isIPv4`: an IPv4 address may be written as an IPv6 one, ::ffff:127.0.0.1.
    guard !host.utf8.contains(UInt8(ascii: ":")) else {
      throw TextProblem(
        "an IPv6 address stands in brackets", hint: "write it like [2001:db8::1]:8080")
    }
    self = .ip(address, port: port)
  }

  /// Whether one of the two stands for all addresses, that of the other among them, on the same port. Those of
  /// IPv4 and of IPv6 have nothing to do with each other: sockets for one take no connections of the other.
  func overlaps(_ other: ListenAddress) -> Bool {
    guard case .ip(let address, let port) = self, case .ip(let otherAddress, let otherPort) = other
    else { return false }
    return port == otherPort && address.isIPv4 == otherAddress.isIPv4
      && (address.isUnspecified || otherAddress.isUnspecified)
  }

  /// Whether only this machine can reach it.
  var isLocal: Bool {
    switch self {
    case .ip(let address, _): address.isLoopback
    case .unix: true
    }
  }
}

func parsePort(_ text: Substring) -> UInt16? {
  text.utf8.allSatisfy { 48...57 ~= $0 } && text.utf8.count <= 5 ? UInt16(text) : nil
}

/// Reads `[2001:db8::1]`.
func parseBracketedAddress(_ text: some StringProtocol) throws(TextProblem) -> IPAddress {
  let inner = String(text.dropFirst().dropLast())
  guard inner.utf8.contains(UInt8(ascii: ":")), let address = IPAddress(inner) else {
    throw TextProblem("what stands in the brackets is not an IPv6 address")
  }
  return address
}

func parseSocketPath(_ path: Substring) throws(TextProblem) -> String {
  guard path.hasPrefix("/"), path.utf8.count > 1, !path.utf8.contains(0) else {
    throw TextProblem("the path of a Unix-domain socket starts with /")
  }
  // sockaddr_un has 108 bytes, one of them the NUL.
  guard path.utf8.count <= 107 else {
    throw TextProblem("the path of a Unix-domain socket has at most 107 bytes")
  }
  return String(path)
}
