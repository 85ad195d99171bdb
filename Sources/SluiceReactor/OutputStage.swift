import SluiceWire

/// What the connections of one loop have composed during a turn and the kernel has not seen yet.
///
/// The pieces of all connections lie one behind the other and are sent in this order at the end of the
/// turn: reading and composing, then sending, each in a row, keeps the kernel's code for either in the
/// cache, and a peer that is woken by the first finds the others' bytes when it looks for more.
///
/// Owners are not counted: the loop holds a connection until it is closed, and closing flushes.
struct OutputStage: ~Copyable {
  /// More than this is not held back until the turn ends.
  private static let byteLimit = 24 * 1_024
  private static let pieceLimit = 64

  private struct Piece {
    var owner: Unmanaged<StreamConnection>
    /// Where it ends, counted from the start of the first piece.
    let end: Int

    func belongs(to other: StreamConnection) -> Bool {
      // SAFETY: only compared.
      owner.toOpaque() == Unmanaged.passUnretained(other).toOpaque()
    }
  }

  private var bytes = ByteBuffer(capacity: 32 * 1_024)
  /// Every piece but the last, which may still grow.
  private var pieces: [Piece] = []
  private var lastOwner: Unmanaged<StreamConnection>?

  init() { pieces.reserveCapacity(Self.pieceLimit) }

  /// Whether nobody has staged anything since `owner` did.
  @inline(__always)
  func isLast(_ owner: StreamConnection) -> Bool {
    // SAFETY: only compared.
    lastOwner?.toOpaque() == Unmanaged.passUnretained(owner).toOpaque()
  }

  /// Appends to what `owner` staged last, or begins a piece.
  @inline(__always)
  mutating func append(for owner: StreamConnection, _ compose: (inout ByteBuffer) -> Void) {
    if !isLast(owner) {
      if let lastOwner { pieces.append(Piece(owner: lastOwner, end: bytes.count)) }
      // SAFETY: the loop holds it until it is closed, and closing flushes.
      lastOwner = Unmanaged.passUnretained(owner)
      owner.hasStaged = true
    }
    compose(&bytes)
    if bytes.count > Self.byteLimit || pieces.count >= Self.pieceLimit { flush() }
  }

  /// Sends everything.
  mutating func flush() {
    guard let owner = lastOwner else { return }
    flushAllButLast()
    lastOwner = nil
    owner._withUnsafeGuaranteedRef {
      $0.hasStaged = false
      $0.send(bytes.span)
    }
    bytes.clear()
  }

  /// Sends what was staged before the last piece, and lets `send` do so with that.
  mutating func flushLast(_ send: (inout ByteBuffer) -> Void) {
    flushAllButLast()
    lastOwner?._withUnsafeGuaranteedRef { $0.hasStaged = false }
    lastOwner = nil
    send(&bytes)
    bytes.clear()
  }

  /// What `owner` has staged belongs to `successor`.
  mutating func handOver(from owner: StreamConnection, to successor: StreamConnection) {
    if !owner.hasStaged { return }
    owner.hasStaged = false
    successor.hasStaged = true
    // SAFETY: the loop holds it from now on.
    let new = Unmanaged.passUnretained(successor)
    if isLast(owner) { lastOwner = new }
    for index in pieces.indices where pieces[index].belongs(to: owner) {
      pieces[index].owner = new
    }
  }

  private mutating func flushAllButLast() {
    if pieces.isEmpty { return }
    var start = 0
    for piece in pieces {
      let end = piece.end
      piece.owner._withUnsafeGuaranteedRef {
        $0.hasStaged = false
        $0.send(bytes.span.extracting(start..<end))
      }
      start = end
    }
    pieces.removeAll(keepingCapacity: true)
    bytes.consume(start)
  }
}
