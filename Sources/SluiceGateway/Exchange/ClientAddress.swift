import SluiceReactor
import SluiceWire

/// Finds the caller behind trusted proxies.
enum ClientAddress {
  /// Walks X-Forwarded-For from its end: each trusted proxy vouches for the address before its own.
  /// What is no address ends the walk, because nobody trustworthy wrote it.
  static func behindProxies(
    _ head: borrowing RequestHead, peer: SocketAddress, listener: CompiledListener
  ) -> SocketAddress {
    var current = peer
    for field in head.fields.reversed() where field.known == .xForwardedFor {
      let value = head.span(field.value)
      var end = value.count
      while end > 0 {
        var start = end
        while start > 0 && value[start - 1] != 0x2C { start -= 1 }
        guard let address = address(value, start..<end) else { return current }
        current = address
        if !listener.trusts(address) { return current }
        end = start - 1
      }
    }
    return current
  }

  private static func address(_ value: Span<UInt8>, _ range: Range<Int>) -> SocketAddress? {
    var (start, end) = (range.lowerBound, range.upperBound)
    while start < end && value[start] == 0x20 { start += 1 }
    while end > start && value[end - 1] == 0x20 { end -= 1 }
    let text = value.extracting(start..<end).withUnsafeBufferPointer {
      String(decoding: $0, as: UTF8.self)
    }
    if let ip = IPAddress(text) { return SocketAddress(ip: ip, port: 0) }
    return SocketAddress(text)
  }
}
