import Glibc
import SluiceReactor
import Testing

@testable import SluiceGateway

@Suite struct LogWriterTests {
  /// The first loss is told at once, the others in sum; none is forgotten.
  @Test func whatCouldNotBeWrittenIsTold() throws {
    let told = Locked<[UInt64]>([])
    let writer = try LogWriter(.file(path: "/dev/full")) { batches in
      told.withLock { $0.append(batches) }
    }
    for _ in 0..<5 { writer.enqueue([1]) }
    writer.close()
    #expect(writer.lostBatches == 5)
    #expect(told.withLock { $0.reduce(0, +) } == 5)
    #expect(told.withLock { $0.count } <= 2)
  }

  /// Closing returns although nobody reads; what was queued still arrives once somebody does.
  @Test func aFullPipeDoesNotHoldUpTheEnd() throws {
    var ends: [Int32] = [0, 0]
    try #require(pipe(&ends) == 0)
    let writer = try LogWriter(.file(path: "/proc/self/fd/\(ends[1])"))
    close(ends[1])
    let size = 1 << 20
    writer.enqueue([UInt8](repeating: 1, count: size))
    writer.close()
    var received = 0
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while case let count = read(ends[0], &chunk, chunk.count), count > 0 { received += count }
    #expect(received == size)
    close(ends[0])
  }
}
