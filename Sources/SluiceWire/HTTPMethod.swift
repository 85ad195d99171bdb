/// A request method; `other` is any valid token without a case here.
public enum HTTPMethod: UInt8, Sendable, CaseIterable {
  case other = 0
  case get, head, post, put, delete, connect, options, trace, patch

  /// RFC 9110 9.2.1: asks for no change.
  public var isSafe: Bool {
    switch self {
    case .get, .head, .options, .trace: true
    default: false
    }
  }

  /// RFC 9110 9.2.2: doing it twice is doing it once.
  public var isIdempotent: Bool {
    switch self {
    case .put, .delete: true
    default: isSafe
    }
  }

  /// The method's name; empty for `other`.
  public var name: StaticString {
    switch self {
    case .other: ""
    case .get: "GET"
    case .head: "HEAD"
    case .post: "POST"
    case .put: "PUT"
    case .delete: "DELETE"
    case .connect: "CONNECT"
    case .options: "OPTIONS"
    case .trace: "TRACE"
    case .patch: "PATCH"
    }
  }

  /// The method named `name`; methods are case-sensitive.
  public init(_ name: Span<UInt8>) {
    let candidate: HTTPMethod =
      switch name.count {
      case 3: name[0] == 0x47 ? .get : .put
      case 4: name[0] == 0x48 ? .head : .post
      case 5: name[0] == 0x50 ? .patch : .trace
      case 6: .delete
      case 7: name[0] == 0x43 ? .connect : .options
      default: .other
      }
    let text = candidate.name
    if text.utf8CodeUnitCount != name.count {
      self = .other
      return
    }
    for index in 0..<name.count {
      // SAFETY: index is below the text's length, which was compared above.
      if name[index] != text.utf8Start[index] {
        self = .other
        return
      }
    }
    self = candidate
  }
}

/// The versions of HTTP that are spoken; every other one is refused.
public enum HTTPVersion: UInt8, Sendable {
  case http10, http11
  /// Never parsed: who carries it puts the head into HTTP/1.1's words and says so afterwards, see
  /// `RequestHead.arrivedByHTTP2`.
  case http2
}
