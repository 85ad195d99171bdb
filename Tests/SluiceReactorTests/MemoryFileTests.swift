import SluiceWire
import Testing

@testable import SluiceReactor

/// What is stored in a file in memory is read as it was, whatever comes and goes around it.
@Suite struct MemoryFileTests {
  private func pattern(_ count: Int, seed: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8 &+ seed) }
  }

  private func store(_ contents: [UInt8], in file: MemoryFile) throws -> MemoryFilePiece {
    let piece = file.store(contents.span)
    return try #require(piece)
  }

  private func bytes(_ piece: MemoryFilePiece, _ range: Range<Int>) -> [UInt8]? {
    var output = ByteBuffer()
    return piece.read(range, into: &output) ? output.copiedBytes() : nil
  }

  @Test(arguments: [1, 4_095, 4_096, 4_097, 70_000])
  func partsAreReadAsTheyWere(count: Int) throws {
    let file = try #require(MemoryFile())
    let contents = pattern(count, seed: 1)
    let piece = try store(contents, in: file)
    #expect(piece.count == count)
    #expect(piece.allocatedBytes >= count && piece.allocatedBytes < count + 65_536)
    #expect(bytes(piece, 0..<count) == contents)
    #expect(bytes(piece, (count - 1)..<count) == [contents[count - 1]])
    #expect(bytes(piece, count..<count) == [])
  }

  /// Reading appends to what is there.
  @Test func whatIsThereStays() throws {
    let file = try #require(MemoryFile())
    let piece = try store([1, 2, 3], in: file)
    var output = ByteBuffer()
    output.append(9)
    let isWhole = piece.read(1..<3, into: &output)
    let bytes = output.copiedBytes()
    #expect(isWhole && bytes == [9, 2, 3])
  }

  @Test func piecesDoNotDisturbEachOther() throws {
    let file = try #require(MemoryFile())
    var pieces: [(piece: MemoryFilePiece, seed: Int)] = []
    for seed in 0..<64 {
      pieces.append((try store(pattern(5_000 + seed, seed: seed), in: file), seed))
      // Every other one goes again.
      if seed % 2 == 1 { pieces.remove(at: pieces.count - 2) }
    }
    for (piece, seed) in pieces {
      #expect(bytes(piece, 0..<piece.count) == pattern(5_000 + seed, seed: seed))
    }
  }

  /// Its owner is gone at once; who holds a piece does not notice.
  @Test func piecesKeepTheirFile() throws {
    let piece = try store([7, 8], in: try #require(MemoryFile()))
    #expect(bytes(piece, 0..<2) == [7, 8])
  }

  /// As /sys/kernel/mm/transparent_hugepage/shmem_enabled says it.
  @Test(arguments: [
    ("always within_size advise [never] deny force\n", false),
    ("always within_size [advise] never deny force\n", false),
    ("[always] within_size advise never deny force\n", true),
    ("always [within_size] advise never deny force\n", true),
    ("always within_size advise never deny [force]\n", true), ("", false),
  ])
  func itIsNotUsedWherePagesAreJoined(setting: String, joined: Bool) {
    #expect(MemoryFile.joinsPages(setting) == joined)
  }
}
