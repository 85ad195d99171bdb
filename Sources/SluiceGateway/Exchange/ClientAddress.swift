import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// Finds the caller behind trusted proxies.
enum ClientAddress {
  /// Which field is read, and how far.
  struct Source {
    /// Nil for X-Forwarded-For.
    let field: [UInt8]?
    let isRecursive: Bool
    /// No field is believed from anybody.
    let isNone: Bool

    init(field: [UInt8]?, isRecursive: Bool, isNone: Bool = false) {
      self.isNone = isNone
      self.field = field
      self.isRecursive = isRecursive
    }

    init(_ settings: Configuration.ClientAddressSource) {
      let name = settings.field.lowercased()
      self.init(
        field: settings.isStandard ? nil : Array(name.utf8), isRecursive: settings.recursive,
        isNone: name == Configuration.ClientAddressSource.noField)
    }

    /// Another field than X-Forwarded-For.
    var isOfItsOwn: Bool { field != nil && !isNone }

    @inline(__always)
    func isIn(_ field: HeaderField, _ head: borrowing RequestHead) -> Bool {
      guard let name = self.field else { return field.known == .xForwardedFor }
      return head.span(field.name).equalsIgnoringCase(name)
    }
  }

  /// Walks the field from its end: each trusted proxy vouches for the address before its own. What is no
  /// address ends the walk, because nobody trustworthy wrote it.
  ///
  /// - Parameter peer: is trusted.
  static func behindProxies(
    _ head: borrowing RequestHead, peer: SocketAddress, _ source: Source,
    trusts: (SocketAddress) -> Bool
  ) -> SocketAddress {
    var current = peer
    for field in head.fields.reversed() where source.isIn(field, head) {
      let value = head.span(field.value)
      var end = value.count
      while end > 0 {
        var start = end
        while start > 0 && value[start - 1] != 0x2C { start -= 1 }
        guard let address = address(value, start..<end) else { return current }
        current = address
        if !source.isRecursive || !trusts(address) { return current }
        end = start - 1
      }
    }
    return current
  }

  private static func address(_ value: Span<UInt8>, _ range: Range<Int>) -> SocketAddress? {
    var (start, end) = (range.lowerBound, range.upperBound)
    while start < end && value[start] == 0x20 { start += 1 }
    while end > start && value[end - 1] == 0x20 { end -= 1 }
    let text = value.extracting(start..<end)
    return IPAddress(text: host(of: text)).map { SocketAddress(ip: $0, port: 0) }
  }

  /// The address in "1.2.3.4:80", "[::1]" and "[::1]:80"; otherwise all of the text, so that an
  /// interface ("fe80::1%eth0"), which means nothing beyond its own machine, is no address.
  @_lifetime(copy text)
  private static func host(of text: Span<UInt8>) -> Span<UInt8> {
    var end = text.count
    while end > 0 && text[end - 1] &- 0x30 < 10 { end -= 1 }
    let hasPort = end > 0 && end < text.count && text[end - 1] == 0x3A
    let rest = hasPort ? text.extracting(..<(end - 1)) : text
    if rest.count > 1 && rest[0] == 0x5B && rest[rest.count - 1] == 0x5D {
      return rest.extracting(1..<(rest.count - 1))
    }
    // A colon before the last one makes it an IPv6 address, which has no port without brackets.
    for index in rest.indices where rest[index] == 0x3A { return text }
    return rest
  }
}
