import Glibc

/// What becomes of the bytes in one pipe between two sockets, call by call; pure.
///
/// ```
///           source: moved(n)                sink: moved, nothing left
///   empty ───────────────────▶ holding(n) ──────────────────────────▶ empty
///     ▲ │                        │   ▲ │ sink: moved, some left
///     └─┘ source: wouldBlock,    │   └─┘ sink: wouldBlock, failed ─▶ wait, holding
///         end, failed, refused   │
///                                └ sink: refused ─▶ copied out ─▶ empty
/// ```
///
/// The pipe is filled only while it is empty. Therefore EAGAIN means "source dry" when filling and
/// "sink full" when draining, and never "pipe full". The pipe is somebody else's again only while it
/// is empty: `held` says whether.
struct SpliceStateMachine {
  /// What one splice came to.
  enum Result: Equatable {
    case moved(Int)
    case wouldBlock
    /// Nothing moved and nothing ever will: the source's FIN.
    case end
    /// The kernel does not splice between these two; both are as they were.
    case refused
    case failed(Int32)
  }

  enum FillAction: Equatable {
    /// Bytes are in the pipe: drain it.
    case drain(Int)
    /// Nothing is in the pipe. Wait until the source is readable.
    case sourceDry
    case sourceEnded
    case sourceFailed(Int32)
    /// Read and write instead.
    case copy
  }

  enum DrainAction: Equatable {
    /// The pipe is empty.
    case done
    /// Some went, and only EAGAIN promises that the sink will tell when it takes more.
    case again
    /// Until the sink is writable. A sink that broke tells so in its own event.
    case wait
    /// Read the pipe's bytes and send them.
    case copyOut
  }

  /// Bytes in the pipe.
  var held: Int { Int(count) }
  /// Small, because every connection has one; no pipe holds as many.
  private var count: UInt32 = 0

  mutating func filled(_ result: Result) -> FillAction {
    precondition(held == 0, "a pipe was filled that holds bytes")
    switch result {
    case .moved(let count):
      precondition(count > 0)
      self.count = UInt32(count)
      return .drain(count)
    case .wouldBlock: return .sourceDry
    case .end: return .sourceEnded
    case .refused: return .copy
    case .failed(let code): return .sourceFailed(code)
    }
  }

  mutating func drained(_ result: Result) -> DrainAction {
    switch result {
    case .moved(let count):
      precondition(count > 0 && count <= held, "more left a pipe than was in it")
      self.count -= UInt32(count)
      return held == 0 ? .done : .again
    case .wouldBlock, .end, .failed: return .wait
    case .refused: return .copyOut
    }
  }

  /// The bytes were copied out of the pipe, or closed with it.
  mutating func emptied() { count = 0 }
}

extension SpliceStateMachine.Result {
  /// From what splice(2) returned, and errno. EINTR is not for here.
  init(count: Int, code: Int32) {
    if count > 0 {
      self = .moved(count)
    } else if count == 0 {
      self = .end
    } else {
      switch code {
      case EAGAIN: self = .wouldBlock
      // Sockets of a kind, a sandbox or a lack of memory that splice does not work with.
      case EINVAL, ENOSYS, EOPNOTSUPP, EPERM, ENOMEM, ENOBUFS: self = .refused
      default: self = .failed(code)
      }
    }
  }
}
