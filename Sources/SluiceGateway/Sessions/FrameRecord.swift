import SluiceReactor
import SluiceWire

/// What is kept of a frame that passed a session, or did not: 16 bytes, no payload.
///
/// In inspected mode, where the gateway joins fragments, a data frame stands for a whole message.
public struct FrameRecord: Equatable, Sendable {
  /// Who sent it; `to…`: the gateway itself did.
  public enum Direction: UInt8, CaseIterable, Sendable {
    case fromClient, fromUpstream, toClient, toUpstream

    public var label: StaticString {
      switch self {
      case .fromClient: "from-client"
      case .fromUpstream: "from-upstream"
      case .toClient: "to-client"
      case .toUpstream: "to-upstream"
      }
    }
  }

  /// What became of it.
  public enum Decision: UInt8, CaseIterable, Sendable {
    /// It went to the other end.
    case passed
    /// It waits for a slow caller or for another target, or it passed and its sender has to wait.
    case delayed
    case dropped
    /// It took the place of an older message of the same key, which is gone.
    case conflated
    /// It was for the gateway, which passes no such frame on.
    case absorbed
    /// The gateway's own.
    case injected
    /// It ends the session: a close frame, or what broke a rule or a limit.
    case closed

    public var label: StaticString {
      switch self {
      case .passed: "passed"
      case .delayed: "delayed"
      case .dropped: "dropped"
      case .conflated: "conflated"
      case .absorbed: "absorbed"
      case .injected: "injected"
      case .closed: "closed"
      }
    }
  }

  let time: MonotonicTime
  /// From the lowest bit: opcode 4, direction 2, final, compressed, decision 4; from 16 on the size.
  private let packed: UInt64

  private static let maxSize: UInt64 = 1 << 48 - 1

  init(
    _ direction: Direction, opcode: UInt8, size: UInt64, _ decision: Decision,
    isFinal: Bool = true, isCompressed: Bool = false, at time: MonotonicTime
  ) {
    self.time = time
    packed =
      UInt64(opcode & 15) | UInt64(direction.rawValue) << 4 | (isFinal ? 64 : 0)
      | (isCompressed ? 128 : 0) | UInt64(decision.rawValue) << 8
      | min(size, Self.maxSize) << 16
  }

  public var direction: Direction { Direction(rawValue: UInt8(packed >> 4 & 3)) ?? .fromClient }
  public var decision: Decision { Decision(rawValue: UInt8(packed >> 8 & 15)) ?? .passed }
  /// The last of its message; control frames always are.
  public var isFinal: Bool { packed & 64 != 0 }
  /// The first of a message that was compressed (RFC 7692).
  public var isCompressed: Bool { packed & 128 != 0 }
  /// Bytes of payload; what the header announces.
  public var size: UInt64 { packed >> 16 }
  /// Nil for a frame whose opcode nobody knows.
  var opcode: WebSocketOpcode? { WebSocketOpcode(rawValue: UInt8(packed & 15)) }

  public var opcodeLabel: StaticString {
    switch opcode {
    case .continuation: "continuation"
    case .text: "text"
    case .binary: "binary"
    case .close: "close"
    case .ping: "ping"
    case .pong: "pong"
    case nil: "unknown"
    }
  }
}

extension FrameRecord.Direction {
  init(from side: SessionSide) { self = side == .client ? .fromClient : .fromUpstream }
  init(to side: SessionSide) { self = side == .client ? .toClient : .toUpstream }
}
