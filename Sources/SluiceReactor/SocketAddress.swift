public import CLinux
public import SluiceWire

/// The address of a socket: IPv4, IPv6 or a Unix path. 32 bytes; copying an IP address neither
/// allocates nor counts references.
///
/// An IPv4-mapped IPv6 address *is* the IPv4 address here, as everywhere in Sluice: a caller must
/// not get a second identity by coming through a dual-stack listener.
public struct SocketAddress: Hashable, Sendable {
  /// Linux' `sun_path` holds 108 bytes, the last of which ends the path.
  public static let maximumPathBytes = 107

  /// Nil for a Unix socket.
  public var ip: IPAddress? { unixPath == nil ? address : nil }
  /// Zero for a Unix socket.
  public private(set) var port: UInt16
  /// The interface of a link-local IPv6 address; zero for none.
  public private(set) var scope: UInt32
  /// All zeros for a Unix socket.
  private var address: IPAddress
  private var unixPath: UnixPath?

  /// Held by reference because few addresses have one.
  private final class UnixPath: Hashable, Sendable {
    /// Empty for an unnamed socket; begins with NUL for an abstract name.
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    static func == (left: UnixPath, right: UnixPath) -> Bool { left.bytes == right.bytes }

    func hash(into hasher: inout Hasher) { hasher.combine(bytes) }
  }

  /// The scope is dropped for an IPv4 address.
  public init(ip: IPAddress, port: UInt16, scope: UInt32 = 0) {
    self.address = ip
    self.port = port
    self.scope = ip.isIPv4 ? 0 : scope
    self.unixPath = nil
  }

  /// Nil when the path is longer than `maximumPathBytes`, or holds a NUL that isn't the first byte.
  /// A first NUL makes it a name in Linux' abstract namespace; an empty path is an unnamed socket.
  public init?(unixPath bytes: [UInt8]) {
    if bytes.count > Self.maximumPathBytes || bytes.dropFirst().contains(0) { return nil }
    self.address = IPAddress(high: 0, low: 0)
    self.port = 0
    self.scope = 0
    self.unixPath = UnixPath(bytes)
  }

  /// What accept, getsockname or getaddrinfo gave. Nil for other address families.
  ///
  /// `length` must not exceed the memory behind `pointer`.
  public init?(_ pointer: UnsafePointer<sockaddr>, length: socklen_t) {
    let bytes = UnsafeRawBufferPointer(start: pointer, count: Int(length))
    guard bytes.count >= MemoryLayout<sa_family_t>.size else { return nil }
    switch Int32(bytes.loadUnaligned(as: sa_family_t.self)) {
    case AF_INET:
      guard bytes.count >= MemoryLayout<sockaddr_in>.size else { return nil }
      // The layout of sockaddr_in: family, port, address, each in network order.
      let port = UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
      let address = UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
      self.init(ip: IPAddress(v4: address), port: port)
    case AF_INET6:
      guard bytes.count >= MemoryLayout<sockaddr_in6>.size else { return nil }
      // The layout of sockaddr_in6: family, port, flow, address, scope (in host order).
      let port = UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
      let high = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
      let low = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
      let scope = bytes.loadUnaligned(fromByteOffset: 24, as: UInt32.self)
      self.init(ip: IPAddress(high: high, low: low), port: port, scope: scope)
    case AF_UNIX:
      // The kernel counts the NUL behind a path but not behind an abstract name.
      var path = Array(bytes.dropFirst(2))
      if path.first != 0 {
        path = Array(path.prefix { $0 != 0 })
      } else if path.count > 1, path.allSatisfy({ $0 == 0 }) {
        path = []
      }
      self.init(unixPath: path)
    default:
      return nil
    }
  }

  /// As above, for the storage handed to the kernel.
  public init?(storage: sockaddr_storage, length: socklen_t) {
    let length = min(length, socklen_t(MemoryLayout<sockaddr_storage>.size))
    let address = withUnsafePointer(to: storage) { pointer in
      // SAFETY: sockaddr is read bytewise within `length`, which the storage has.
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        SocketAddress($0, length: length)
      }
    }
    guard let address else { return nil }
    self = address
  }

  /// What a client of a Unix socket has.
  public static let unnamedUnix = SocketAddress(unixPath: []).unsafelyUnwrapped

  public var isUnix: Bool { unixPath != nil }

  /// The path of a Unix socket as given to `init(unixPath:)`.
  public var pathBytes: [UInt8]? { unixPath?.bytes }

  /// Whether only this machine can be behind the address; true for Unix sockets.
  public var isLoopback: Bool { isUnix || address.isLoopback }

  /// The argument for socket().
  public var family: Int32 { isUnix ? AF_UNIX : address.isIPv4 ? AF_INET : AF_INET6 }

  /// The same host with another port; a Unix address stays as it is.
  public func withPort(_ port: UInt16) -> SocketAddress {
    var other = self
    if !isUnix { other.port = port }
    return other
  }

  /// Calls `body` with the form the kernel takes; the pointer must not escape.
  public func withSockaddr<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
    if let unixPath { return Self.withSockaddr(path: unixPath.bytes, body) }
    if let v4 = address.v4 {
      var raw = sockaddr_in()
      raw.sin_family = sa_family_t(AF_INET)
      raw.sin_port = port.bigEndian
      raw.sin_addr.s_addr = v4.bigEndian
      return Self.withSockaddr(raw, length: MemoryLayout<sockaddr_in>.size, body)
    }
    var raw = sockaddr_in6()
    raw.sin6_family = sa_family_t(AF_INET6)
    raw.sin6_port = port.bigEndian
    raw.sin6_scope_id = scope
    withUnsafeMutableBytes(of: &raw.sin6_addr) { bytes in
      bytes.storeBytes(of: address.high.bigEndian, as: UInt64.self)
      bytes.storeBytes(of: address.low.bigEndian, toByteOffset: 8, as: UInt64.self)
    }
    return Self.withSockaddr(raw, length: MemoryLayout<sockaddr_in6>.size, body)
  }

  private static func withSockaddr<R>(
    path: [UInt8], _ body: (UnsafePointer<sockaddr>, socklen_t) -> R
  ) -> R {
    var raw = sockaddr_un()
    raw.sun_family = sa_family_t(AF_UNIX)
    // init refused longer paths, so the copy fits and the NUL behind it stays.
    withUnsafeMutableBytes(of: &raw.sun_path) { $0.copyBytes(from: path) }
    let isNamed = !path.isEmpty && path[0] != 0
    return withSockaddr(raw, length: 2 + path.count + (isNamed ? 1 : 0), body)
  }

  private static func withSockaddr<Raw, R>(
    _ raw: Raw, length: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> R
  ) -> R {
    withUnsafePointer(to: raw) { pointer in
      // SAFETY: every sockaddr_… begins like sockaddr, and `length` stays within Raw.
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(length)) }
    }
  }
}

extension CIDRSet {
  /// False for Unix addresses.
  public func contains(_ address: SocketAddress) -> Bool {
    guard let ip = address.ip else { return false }
    return contains(ip)
  }
}
