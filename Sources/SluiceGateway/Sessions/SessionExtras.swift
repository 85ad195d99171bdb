import SluiceReactor
import SluiceWire

/// What only some sessions own; the others pay one empty reference for all of it.
final class SessionExtras {
  /// Nil where a lost target ends the session.
  let handshake: KeptHandshake?
  /// There while the session has no target.
  var reconnector: SessionReconnector?
  /// The lost target got the beginning of the caller's message under way; the rest goes nowhere.
  var skipsMessage = false

  /// Messages of the gateway's own for the caller, which wait for the end of one of the target's.
  var pushed = MessageQueue()

  /// Nil where one identity says all there is.
  var trust: SessionTrust?

  init(handshake: KeptHandshake? = nil, trust: SessionTrust? = nil) {
    self.handshake = handshake
    self.trust = trust
  }

  var isEmpty: Bool { handshake == nil && trust == nil && pushed.isEmpty }

  /// Whether what this end sends has to be looked at frame by frame.
  func stopsAtFrames(_ side: SessionSide) -> Bool {
    side == .client ? skipsMessage : !pushed.isEmpty
  }
}

extension Session {
  /// Nil where one identity says all there is.
  var trust: SessionTrust? {
    get { extras?.trust }
    set {
      if extras == nil { extras = SessionExtras() }
      extras?.trust = newValue
    }
  }
}

/// A session's handshake as the caller sent it, and what policies made of it: enough to ask another
/// target the same. Holds the caller's credentials as the target gets them; shown nowhere.
final class KeptHandshake {
  let head: [UInt8]
  private var edits = RequestEdits()
  /// The other end of the caller's connection, with its port.
  let peer: SocketAddress
  /// Whether it was a proxy whose word counts.
  let isTrusted: Bool
  /// What the target has chosen; the next one has to choose the same.
  private let subprotocol: [UInt8]?
  var schedule = ReconnectStateMachine()

  /// Of larger ones nothing is kept: such a session ends with its target, and its grant is not renewed.
  static let maxBytes = 8 * 1_024

  /// Nil for a handshake that is too large.
  init?(_ exchange: Exchange, subprotocol: [UInt8]?) {
    guard let head = Self.head(of: exchange) else { return nil }
    self.head = head
    peer = exchange.peer
    isTrusted = exchange.isTrusted
    self.subprotocol = subprotocol
    Self.copy(exchange.requestEdits, to: &edits)
    if !edits.hasPath {
      // A reload may change what the route makes of paths.
      var path = ByteBuffer()
      exchange.appendSentPath(to: &path)
      edits.setPath(path)
    }
  }

  /// The bytes to keep; nil when they are too many.
  static func head(of exchange: Exchange) -> [UInt8]? { bytes(of: exchange.request) }

  private static func bytes(of head: borrowing RequestHead) -> [UInt8]? {
    head.bytes.count > maxBytes ? nil : head.bytes.copiedBytes()
  }

  private static func copy(_ edits: borrowing RequestEdits, to own: inout RequestEdits) {
    own.copy(edits)
  }

  /// Makes the exchange's request the same again.
  func write(to exchange: Exchange) -> Bool {
    let head = self.head
    let limits = HeadLimits(bytes: .max, fields: .max, target: .max)
    var scanned = 0
    do throws(HeadError) {
      let count = try exchange.request.parse(
        prefixOf: head.span, scanned: &scanned, limits: limits)
      if count == nil { return false }
    } catch {
      return false
    }
    Self.copy(edits, to: &exchange.requestEdits)
    return true
  }

  /// Whether a target that chose this goes on where the one before ended.
  func accepts(subprotocol: [UInt8]?) -> Bool { subprotocol == self.subprotocol }
}
