import CLinux
public import SluiceWire

extension SocketAddress {
  /// Reads "1.2.3.4:80", "[::1]:80", "[fe80::1%eth0]:80" (or a number for the interface),
  /// "unix:/path" and "unix:@abstract-name". No names: those are for `NameResolver`.
  ///
  /// For set-up: allocates, and asks the kernel for the interface's number.
  public init?(_ text: String) {
    let bytes = Array(text.utf8)
    if text.hasPrefix("unix:") {
      var path = Array(bytes.dropFirst(5))
      if path.isEmpty || path.contains(0) { return nil }
      if path[0] == UInt8(ascii: "@") { path[0] = 0 }
      self.init(unixPath: path)
      return
    }
    guard let colon = bytes.lastIndex(of: UInt8(ascii: ":")),
      let port = Self.parsePort(bytes[(colon + 1)...])
    else { return nil }
    var host = bytes[..<colon]
    let isBracketed = host.first == UInt8(ascii: "[") && host.last == UInt8(ascii: "]")
    if isBracketed { host = host.dropFirst().dropLast() }
    // "::1:80" would be ambiguous, "[1.2.3.4]:80" is nothing.
    if host.contains(UInt8(ascii: ":")) != isBracketed { return nil }
    var scope: UInt32 = 0
    if let percent = host.firstIndex(of: UInt8(ascii: "%")) {
      guard isBracketed, let parsed = Self.parseScope(host[(percent + 1)...]) else { return nil }
      scope = parsed
      host = host[..<percent]
    }
    guard let ip = IPAddress(text: host.span) else { return nil }
    self.init(ip: ip, port: port, scope: scope)
  }

  private static func parsePort(_ text: ArraySlice<UInt8>) -> UInt16? {
    guard !text.isEmpty, text.allSatisfy({ (48...57).contains($0) }) else { return nil }
    return UInt16(String(decoding: text, as: UTF8.self))
  }

  private static func parseScope(_ text: ArraySlice<UInt8>) -> UInt32? {
    let name = String(decoding: text, as: UTF8.self)
    if let number = UInt32(name) { return number }
    let index = if_nametoindex(name)
    return index == 0 ? nil : index
  }
}

extension ByteBuffer {
  /// Appends the form that `SocketAddress.init(_:)` reads, with the interface as a number.
  public mutating func append(address: SocketAddress) {
    guard let ip = address.ip else {
      append(hostOf: address)
      return
    }
    if ip.isIPv4 {
      append(ip: ip)
    } else {
      append(UInt8(ascii: "["))
      append(hostOf: address)
      append(UInt8(ascii: "]"))
    }
    append(UInt8(ascii: ":"))
    append(decimal: UInt64(address.port))
  }

  /// Appends the host without port and brackets; all of a Unix address.
  public mutating func append(hostOf address: SocketAddress) {
    if let ip = address.ip {
      append(ip: ip)
      if address.scope != 0 {
        append(UInt8(ascii: "%"))
        append(decimal: UInt64(address.scope))
      }
      return
    }
    append("unix:")
    guard let path = address.pathBytes else { return }
    if path.first == 0 {
      append(UInt8(ascii: "@"))
      append(path.span.extracting(1...))
    } else {
      append(path.span)
    }
  }
}

extension SocketAddress: CustomStringConvertible {
  /// For messages at start-up and tests; the request path appends to a `ByteBuffer`.
  public var description: String {
    var buffer = ByteBuffer()
    buffer.append(address: self)
    return buffer.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
  }
}
