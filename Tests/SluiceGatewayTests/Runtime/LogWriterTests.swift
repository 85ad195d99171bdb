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
}
