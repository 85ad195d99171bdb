import Glibc
import SluiceWire

/// Turns names into addresses without ever blocking the caller.
///
/// IP literals and the static table are answered at once. Everything else goes to a few threads
/// that call getaddrinfo (docs/decisions/0004-name-resolution.md). Concurrent look-ups of one name
/// are one look-up, and a name occupies at most one thread, so one that hangs costs the others
/// nothing but that thread. Waiters get `timedOut` after the timeout even if all threads hang.
///
/// Thread-safe. Threads start at the first look-up and end with the resolver, or when their
/// getaddrinfo returns. For set-up and background work: allocates, uses strings and locks.
public final class NameResolver: Sendable {
  public typealias Outcome = Result<[SocketAddress], NameResolutionError>
  /// Looks a name up and may block. The addresses' ports don't matter.
  public typealias LookUp = @Sendable (_ name: String) -> Outcome
  public typealias Delivery = @Sendable (Outcome) -> Void

  private struct Settings {
    var hosts: [String: [SocketAddress]]
    var timeoutNanoseconds: Int64
  }

  private let settings: Locked<Settings>
  private let core: NameResolverCore

  /// `hosts` maps names to IP literals, with or without a port; see `update`.
  public init(
    hosts: [String: [String]] = [:], timeoutNanoseconds: Int64, threads: Int = 4,
    lookUp: @escaping LookUp = NameResolver.systemLookUp
  ) {
    settings = Locked(
      Settings(hosts: Self.table(hosts), timeoutNanoseconds: timeoutNanoseconds))
    core = NameResolverCore(maximumThreads: threads, lookUp: lookUp)
  }

  deinit { core.stop() }

  /// Replaces the static table and the timeout, for look-ups asked for from now on.
  ///
  /// Names are compared without regard to case and a final dot. Texts that aren't IP literals are
  /// left out, so the configuration must have refused them before.
  public func update(hosts: [String: [String]], timeoutNanoseconds: Int64) {
    let table = Self.table(hosts)
    settings.withLock {
      $0 = Settings(hosts: table, timeoutNanoseconds: timeoutNanoseconds)
    }
  }

  /// Whether `name` is an IP literal or in the static table, so that nobody has to be asked.
  public func isWritten(_ name: String) -> Bool {
    if Self.literal(name) != nil { return true }
    let key = Self.withoutFinalDot(name.lowercased())
    return settings.withLock { $0.hosts[key] != nil }
  }

  /// Looks `name` up and calls `deliver` exactly once with all its addresses, each with `port`
  /// unless the static table gives it another, without duplicates, in the order of the source.
  ///
  /// `deliver` runs before this returns (literals, the static table, impossible names) or on one
  /// of the resolver's threads, which it must not block. It isn't called once the resolver is gone.
  public func resolve(_ name: String, port: UInt16, deliver: @escaping Delivery) {
    if let literal = Self.literal(name) {
      deliver(.success([literal.withPort(port)]))
      return
    }
    let key = name.lowercased()
    let (listed, timeout) = settings.withLock {
      ($0.hosts[Self.withoutFinalDot(key)], $0.timeoutNanoseconds)
    }
    if let listed {
      deliver(Self.outcome(listed, port: port))
      return
    }
    guard Self.mayBeName(key) else {
      deliver(.failure(NameResolutionError(kind: .notFound, text: "not a host name")))
      return
    }
    core.submit(key, deadline: .now().advanced(byNanoseconds: timeout)) { outcome in
      switch outcome {
      case .success(let addresses):
        deliver(Self.outcome(addresses.map { $0.withPort(0) }, port: port))
      case .failure: deliver(outcome)
      }
    }
  }
}

/// Why a name has no addresses.
public struct NameResolutionError: Error, Hashable, Sendable {
  public enum Kind: Hashable, Sendable {
    /// The name doesn't exist or has no addresses.
    case notFound
    /// The name servers didn't answer, or the machine is short of something; worth another try.
    case temporary
    /// Something is wrong with the set-up.
    case failed
    /// No answer within the resolver's timeout.
    case timedOut
  }

  public var kind: Kind
  /// For people.
  public var text: String

  public init(kind: Kind, text: String) {
    self.kind = kind
    self.text = text
  }
}

// MARK: - Names

extension NameResolver {
  private static func table(_ hosts: [String: [String]]) -> [String: [SocketAddress]] {
    var table: [String: [SocketAddress]] = [:]
    for (name, texts) in hosts {
      table[withoutFinalDot(name.lowercased()), default: []] += texts.compactMap(entry)
    }
    return table
  }

  /// An address of the static table, which may have a port.
  private static func entry(_ text: String) -> SocketAddress? {
    if let address = literal(text) { return address }
    return text.hasPrefix("unix:") ? nil : SocketAddress(text)
  }

  /// "1.2.3.4", "::1", "[::1]", "fe80::1%eth0".
  static func literal(_ text: String) -> SocketAddress? {
    if let ip = IPAddress(text) { return SocketAddress(ip: ip, port: 0) }
    if !text.utf8.contains(UInt8(ascii: ":")) { return nil }
    return SocketAddress(text.hasPrefix("[") ? "\(text):0" : "[\(text)]:0")
  }

  private static func withoutFinalDot(_ name: String) -> String {
    name.hasSuffix(".") ? String(name.dropLast()) : name
  }

  /// Keeps from getaddrinfo what it would not take for a name: text behind a NUL is lost on it,
  /// and "127.1", "0x7f000001" or "2130706433" are 127.0.0.1 to it. A name therefore must not end
  /// in a number, as in the URL standard.
  private static func mayBeName(_ name: String) -> Bool {
    let bytes = name.utf8
    if bytes.isEmpty || bytes.count > 254 { return false }
    let allowed = bytes.allSatisfy {
      switch $0 {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
        UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
        true
      default: false
      }
    }
    guard allowed else { return false }
    let labels = withoutFinalDot(name).utf8.split(
      separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    if labels.contains(where: { $0.isEmpty || $0.count > 63 }) { return false }
    guard let last = labels.last else { return false }
    return !last.allSatisfy { (48...57).contains($0) } && !last.starts(with: "0x".utf8)
  }

  private static func outcome(_ addresses: [SocketAddress], port: UInt16) -> Outcome {
    var seen: Set<SocketAddress> = []
    let unique = addresses.map { $0.port == 0 ? $0.withPort(port) : $0 }.filter {
      seen.insert($0).inserted
    }
    if unique.isEmpty {
      return .failure(NameResolutionError(kind: .notFound, text: "the name has no addresses"))
    }
    return .success(unique)
  }
}
