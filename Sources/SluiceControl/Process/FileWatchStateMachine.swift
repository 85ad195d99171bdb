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

  /// What is there now is in force.
  init(_ look: Look) { inForce = look }

  /// Whether the files should be read now; they count as read then, also if they turn out to be wrong.
  mutating func shouldRead(_ look: Look) -> Bool {
    if look == inForce {
      changing = nil
      return false
    }
    if look != changing {
      changing = look
      return false
    }
    self = Self(look)
    return true
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
