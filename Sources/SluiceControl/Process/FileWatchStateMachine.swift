import Glibc

/// When files have changed so that they should be read again.
///
/// Files of one renewal are written one after the other, and each in pieces. So what differs from what is
/// in force counts when it was the same in two looks.
///
/// ```
///  settled ──differs──▶ changing ──the same again──▶ settled, and read
///     ▲                    │ └─ differs again: goes on
///     └──── as before ─────┘
/// ```
///
/// What could not be read is read again, at first after two looks and then twice as late each time: a file
/// may be right again without having changed, such as when a descriptor is free for it.
///
/// Pure: a look is a parameter.
struct FileWatchStateMachine: Sendable {
  /// What tells one content of a file from another; a file that is not there has none.
  struct Stamp: Equatable, Sendable {
    var device: UInt64
    var inode: UInt64
    var size: Int64
    var seconds: Int
    var nanoseconds: Int
  }

  typealias Look = [String: Stamp]

  private var inForce: Look
  private var changing: Look?
  /// In a row.
  private var failures = 0
  /// Before what failed is read again.
  private var looksLeft = 0

  /// Looks between two readings of what can't be read.
  private static let longestPause = 32

  /// What is there now is in force.
  init(_ look: Look) { inForce = look }

  /// Whether the files should be read now; `wasRead` says how that went.
  mutating func shouldRead(_ look: Look) -> Bool {
    if look == inForce {
      self = Self(look)
      return false
    }
    if look != changing {
      changing = look
      failures = 0
      looksLeft = 0
      return false
    }
    looksLeft -= 1
    return looksLeft <= 0
  }

  /// The files were read after this look, with this success.
  mutating func wasRead(_ look: Look, succeeded: Bool) {
    if succeeded {
      self = Self(look)
      return
    }
    failures = min(failures + 1, 10)
    looksLeft = min(1 << failures, Self.longestPause)
  }
}

extension FileWatchStateMachine.Stamp {
  /// Follows links. Nil when there is no such file.
  init?(_ path: String) {
    var facts = stat()
    guard stat(path, &facts) == 0 else { return nil }
    device = UInt64(facts.st_dev)
    inode = UInt64(facts.st_ino)
    size = Int64(facts.st_size)
    seconds = facts.st_mtim.tv_sec
    nanoseconds = facts.st_mtim.tv_nsec
  }
}
