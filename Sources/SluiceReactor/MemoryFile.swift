import CLinux
import Glibc
public import SluiceWire
import Synchronization

/// Memory that the kernel can send without copying it: a file that has no name (memfd_create), in which
/// pieces are stored once and never changed (docs/decisions/0013-large-stored-bodies.md).
///
/// A piece lies where none ever lay before it. So one that is given back while the network still refers
/// to its pages is not overwritten there: those pages are the network's alone then. Thread-safe: every
/// operation is one system call.
public final class MemoryFile: Sendable {
  fileprivate let descriptor: Int32
  /// Where the next piece goes. 2^63 bytes last longer than any process.
  private let end = Atomic<Int>(0)

  private static let pageBytes = sysconf(Int32(_SC_PAGESIZE))

  /// Nil where the kernel gives none, or where it may join the pages of several pieces: a hole in such a
  /// page is zeros at once, also for the network.
  public init?() {
    if Self.pagesAreJoined { return nil }
    let descriptor = clinux_open_memory_file("sluice")
    if descriptor < 0 { return nil }
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  /// Whether files in memory get huge pages unasked (the kernel's admin-guide/mm/transhuge).
  private static let pagesAreJoined: Bool = {
    let setting = open("/sys/kernel/mm/transparent_hugepage/shmem_enabled", O_RDONLY | O_CLOEXEC)
    // A kernel without huge pages has no such file.
    if setting < 0 { return false }
    defer { close(setting) }
    var text = [UInt8](repeating: 0, count: 128)
    let count = read(setting, &text, text.count)
    return joinsPages(String(decoding: text.prefix(max(0, count)), as: UTF8.self))
  }()

  /// The choice that is in force stands in brackets.
  static func joinsPages(_ setting: String) -> Bool {
    ["[always]", "[within_size]", "[force]"].contains { setting.contains($0) }
  }

  /// A copy of `bytes`, of which there must be some; nil when there is no memory for it. Takes whole
  /// pages.
  public func store(_ bytes: Span<UInt8>) -> MemoryFilePiece? {
    let room = (bytes.count + Self.pageBytes - 1) / Self.pageBytes * Self.pageBytes
    let offset = end.wrappingAdd(room, ordering: .relaxed).oldValue
    // Gives the memory back also when not all of it could be written.
    let piece = MemoryFilePiece(self, at: offset, count: bytes.count, room: room)
    var written = 0
    while written < bytes.count {
      let count = bytes.extracting(written...).withUnsafeBytes {
        pwrite(descriptor, $0.baseAddress, $0.count, offset + written)
      }
      if count < 0 && errno == EINTR { continue }
      if count <= 0 { return nil }
      written += count
    }
    return piece
  }
}

/// Bytes in a `MemoryFile`, from when they were stored until nobody refers to them any more.
public final class MemoryFilePiece: Sendable {
  private let file: MemoryFile
  private let offset: Int
  public let count: Int
  /// Bytes of memory that it takes.
  public let allocatedBytes: Int

  fileprivate init(_ file: MemoryFile, at offset: Int, count: Int, room: Int) {
    self.file = file
    self.offset = offset
    self.count = count
    allocatedBytes = room
  }

  deinit { _ = clinux_punch_hole(file.descriptor, offset, allocatedBytes) }

  /// Appends a copy of a part; false when the kernel does not give it, which leaves less behind.
  public func read(_ range: Range<Int>, into output: inout ByteBuffer) -> Bool {
    precondition(range.lowerBound >= 0 && range.upperBound <= count)
    var next = range.lowerBound
    while next < range.upperBound {
      let before = output.count
      var code: Int32 = 0
      output.append(upTo: range.upperBound - next) { room in
        let count = pread(file.descriptor, room.baseAddress, room.count, offset + next)
        if count < 0 { code = errno }
        return max(0, count)
      }
      let added = output.count - before
      if added == 0 && code != EINTR { return false }
      next += added
    }
    return true
  }

  /// Sends a part; how much the kernel took, or -1 with errno.
  func send(_ range: Range<Int>, to socket: Int32) -> Int {
    precondition(range.lowerBound >= 0 && range.upperBound <= count)
    return clinux_sendfile(
      socket, file.descriptor, offset + range.lowerBound, range.count)
  }
}
