import CLinux
import Glibc
import SluiceReactor
import SluiceWire

/// The file that keeps revocations over restarts: one line for each change, on the disk before the change is
/// answered, and written anew when most of its lines say nothing any more.
///
/// Writing anew goes to a file beside it that takes its place when it is whole, so that whenever the machine
/// stops one of the two is there. One process at a time has it. Blocks for the disk: not for event loops; not
/// thread-safe.
final class RevocationFile {
  /// Why there is none, for a person.
  struct Problem: Error {
    let text: String
  }

  private let path: String
  private let lock: Int32
  private var descriptor: Int32 = -1
  /// Lines of the file beyond the first.
  private var lines = 0
  /// A line may be there in part: nothing is written behind it.
  private var isBroken = true

  /// So many lines too many are no reason to write anew.
  private let spare: Int
  private var lastID: UInt64 = 0

  private static let maxBytes = 256 << 20

  /// Takes the file, which is made with the first line, and returns what it says.
  static func open(
    _ path: String, spare: Int = 4_096
  ) throws(Problem) -> (file: RevocationFile, RevocationReplay) {
    let lock = Glibc.open(path + ".lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    if lock < 0 { throw Problem(text: "\(path).lock: \(SystemError(call: "open", code: errno))") }
    if flock(lock, LOCK_EX | LOCK_NB) != 0 {
      close(lock)
      throw Problem(text: "\(path) is another process's; give each gateway a file of its own")
    }
    let file = RevocationFile(path, lock, spare)
    let replay = try file.read()
    file.lastID = replay.lastID
    return (file, replay)
  }

  private init(_ path: String, _ lock: Int32, _ spare: Int) {
    self.path = path
    self.lock = lock
    self.spare = spare
  }

  deinit {
    if descriptor >= 0 { close(descriptor) }
    close(lock)
  }

  private func read() throws(Problem) -> RevocationReplay {
    let source = Glibc.open(path, O_RDONLY | O_CLOEXEC)
    if source < 0 {
      if errno == ENOENT { return RevocationReplay() }
      throw Problem(text: "\(path): \(SystemError(call: "open", code: errno))")
    }
    defer { close(source) }
    var text: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = Glibc.read(source, &piece, piece.count)
      if count < 0 {
        if errno == EINTR { continue }
        throw Problem(text: "\(path): \(SystemError(call: "read", code: errno))")
      }
      if count == 0 { break }
      text += piece[..<count]
      if text.count > Self.maxBytes {
        throw Problem(text: "\(path) is larger than \(Self.maxBytes >> 20) MiB")
      }
    }
    do throws(RevocationReplay.Problem) {
      return try RevocationReplay(text.span)
    } catch {
      throw Problem(
        text: "\(path):\(error.line): this is no line of a list of revocations; "
          + "correct it, or take the file away and revoke anew")
    }
  }

  /// Adds a line. False when the disk did not take it, which is tried again with the next one; `all` are the
  /// records in force, this one's effect among them.
  func add(_ record: RevocationRecord, all: () -> [RevocationRecord]) -> Bool {
    if case .revoked(let id, _, _, _) = record { lastID = max(lastID, id) }
    if isBroken || lines > spare {
      let records = all()
      if isBroken || lines > 2 * records.count + spare { return rewrite(records) }
    }
    var line = ByteBuffer()
    record.append(to: &line)
    guard Self.write(line.span, to: descriptor), fdatasync(descriptor) == 0 else {
      isBroken = true
      return false
    }
    lines += 1
    return true
  }

  /// Writes the whole file anew.
  func rewrite(_ records: [RevocationRecord]) -> Bool {
    isBroken = true
    let beside = path + ".new"
    let next = Glibc.open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0o600)
    if next < 0 { return false }
    var text = ByteBuffer()
    RevocationRecord.began(lastID: lastID).append(to: &text)
    for record in records { record.append(to: &text) }
    guard Self.write(text.span, to: next), fsync(next) == 0, rename(beside, path) == 0 else {
      close(next)
      return false
    }
    syncFolder()
    if descriptor >= 0 { close(descriptor) }
    descriptor = next
    lines = records.count
    isBroken = false
    return true
  }

  /// The new name is on the disk, too.
  private func syncFolder() {
    let end = path.lastIndex(of: "/")
    let folder = end.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let descriptor = Glibc.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if descriptor < 0 { return }
    _ = fsync(descriptor)
    close(descriptor)
  }

  private static func write(_ bytes: Span<UInt8>, to descriptor: Int32) -> Bool {
    bytes.withUnsafeBytes { bytes in
      var at = 0
      while at < bytes.count {
        let count = Glibc.write(descriptor, bytes.baseAddress.map { $0 + at }, bytes.count - at)
        if count < 0 {
          if errno == EINTR { continue }
          return false
        }
        at += count
      }
      return true
    }
  }
}
