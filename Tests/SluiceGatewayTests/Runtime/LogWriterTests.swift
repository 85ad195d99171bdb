import Glibc
import SluiceConfiguration
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

  private func temporary() -> String {
    "/tmp/sluice-log-\(getpid())-\(UInt64.random(in: 0 ... .max))"
  }

  private func contents(_ path: String) -> String? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    while case let byte = fgetc(file), byte >= 0 { bytes.append(UInt8(byte)) }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// As logrotate does it without a signal: the path is another file's, or nobody's.
  @Test func aFileThatWasMovedIsMadeAnew() throws {
    let (path, moved) = (temporary(), temporary())
    defer {
      unlink(path)
      unlink(moved)
    }
    let writer = try LogWriter(.file(path: path))
    defer { writer.close() }
    writer.enqueue(Array("first\n".utf8))
    try wait { contents(path) == "first\n" }
    #expect(rename(path, moved) == 0)
    try wait {
      writer.enqueue(Array("later\n".utf8))
      return contents(path)?.contains("later\n") == true
    }
    #expect(contents(moved)?.hasPrefix("first\n") == true)
  }

  /// There is no directory yet: what comes is lost, told, and better once there is one.
  @Test func whatCanBeOpenedLaterIs() throws {
    let directory = temporary()
    let path = "\(directory)/log"
    let told = Locked<UInt64>(0)
    let totals = LogTotals()
    let writer = try LogWriter(.file(path: path), opensLater: true, totals: totals) { batches in
      told.withLock { $0 += batches }
    }
    defer {
      writer.close()
      unlink(path)
      rmdir(directory)
    }
    writer.enqueue(Array("a\nb\n".utf8))
    try wait { told.withLock { $0 } == 1 }
    #expect(totals.counts.fileLost == 2)
    #expect(mkdir(directory, 0o700) == 0)
    try wait {
      writer.enqueue(Array("c\n".utf8))
      return totals.counts.fileWritten > 0
    }
    #expect(contents(path)?.hasPrefix("c\n") == true)
  }

  @Test func whatIsClosedTakesNothing() throws {
    let totals = LogTotals()
    let writer = try LogWriter(
      .file(path: "/dev/null"), opensLater: true, totals: totals, onLoss: { _ in })
    writer.leave()
    writer.enqueue(Array("a\n".utf8))
    #expect(totals.counts.fileLost == 1)
  }

  @Test func problemsShowBefore() {
    #expect(LogWriter.problem(path: "stdout") == nil)
    #expect(LogWriter.problem(path: "/dev/null") == nil)
    #expect(LogWriter.problem(path: "/tmp/\(getpid())-not-there.log") == nil)
    #expect(LogWriter.problem(path: "/tmp") == "/tmp is a directory")
    #expect(
      LogWriter.problem(path: "/no/such/directory/a.log")
        == "no file can be made in /no/such/directory: No such file or directory")
  }

  /// Two outputs of one name are one writer, and it stays for one configuration more.
  @Test func outputsAreShared() throws {
    let outputs = LogOutputs()
    let own = try LogWriter(.file(path: "/dev/null"))
    outputs.keep(own)
    #expect(outputs.writer(.file(path: "/dev/null")) === own)
    let path = temporary()
    defer { unlink(path) }
    let writer = try #require(outputs.writer(.file(path: path)))
    #expect(outputs.writer(.file(path: path)) === writer)
    outputs.sweep(Configuration())
    #expect(outputs.writer(.file(path: path)) === writer)
    outputs.sweep(Configuration())
    let other = try #require(outputs.writer(.file(path: path)))
    #expect(other !== writer)
    outputs.close()
    writer.enqueue([0x0A])
    #expect(outputs.totals.counts.fileLost == 1)
  }

  private func wait(_ condition: () -> Bool) throws {
    for _ in 0..<20_000 {
      if condition() { return }
      usleep(1_000)
    }
    Issue.record("it did not come")
  }
}
