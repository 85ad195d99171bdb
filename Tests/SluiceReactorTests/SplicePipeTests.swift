import CLinux
import Glibc
import SluiceWire
import Testing

@testable import SluiceReactor

/// Two connected Unix sockets, closed with their owner.
private final class SocketPair {
  private(set) var near: Int32
  let far: Int32

  init() {
    var ends: [Int32] = [-1, -1]
    socketpair(
      AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0,
      &ends)
    near = ends[0]
    far = ends[1]
  }

  /// Somebody else closes the near end.
  func giveNear() -> Int32 {
    defer { near = -1 }
    return near
  }

  func send(_ bytes: [UInt8]) -> Int { Glibc.send(far, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }

  func receive() -> [UInt8] {
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = recv(far, &piece, piece.count, Int32(MSG_DONTWAIT))
      if count <= 0 { return bytes }
      bytes += piece[..<count]
    }
  }

  deinit {
    if near >= 0 { close(near) }
    close(far)
  }
}

private func bytes(_ count: Int) -> [UInt8] {
  (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 / 251) }
}

@Suite struct SplicePipeTests {
  @Test func bytesPassAndEveryStandstillHasItsReason() throws {
    let (source, sink) = (SocketPair(), SocketPair())
    let pipe = try #require(SplicePipe())
    #expect(pipe.capacity >= 65_536)
    #expect(pipe.fill(from: source.near, atMost: 100) == .wouldBlock)
    #expect(source.send(bytes(90)) == 90)
    #expect(pipe.fill(from: source.near, atMost: 60) == .moved(60))
    #expect(pipe.drain(to: sink.near, atMost: 60) == .moved(60))
    #expect(pipe.fill(from: source.near, atMost: 60) == .moved(30))
    shutdown(source.far, Int32(SHUT_WR))
    #expect(pipe.drain(to: sink.near, atMost: 30) == .moved(30))
    #expect(pipe.fill(from: source.near, atMost: 60) == .end)
    #expect(sink.receive() == bytes(90))
  }

  @Test func whatCannotBeSplicedIsRefusedAndCopied() throws {
    let source = SocketPair()
    let pipe = try #require(SplicePipe())
    let event = eventfd(0, 0)
    defer { close(event) }
    #expect(pipe.fill(from: event, atMost: 10) == .refused)
    #expect(source.send(bytes(50)) == 50)
    #expect(pipe.fill(from: source.near, atMost: 100) == .moved(50))
    #expect(pipe.drain(to: event, atMost: 50) == .refused)
    var copied = ByteBuffer()
    pipe.copyOut(50, to: &copied)
    #expect(copied.copiedBytes() == bytes(50))
  }

  @Test func thePoolKeepsItsBoundAndClosesWhatNobodyNeeds() throws {
    let loop = try EventLoop()
    let pool = loop.pipes
    #expect(pool === loop.pipes)
    let first = try #require(pool.take())
    pool.giveBack(first)
    #expect(pool.take() === first)
    let second = try #require(pool.take())
    #expect(pool.count == 2 && pool.spareCount == 0)
    pool.giveBack(first)
    pool.giveBack(second)
    #expect(pool.deadline != .distantFuture)
    // Used since the last look: both stay. One used: the other goes. None used: none stays.
    pool.deadlineReached()
    #expect(pool.spareCount == 2)
    pool.giveBack(try #require(pool.take()))
    pool.deadlineReached()
    #expect(pool.spareCount == 1 && pool.count == 1)
    pool.clearDeadline()
    pool.deadlineReached()
    #expect(pool.spareCount == 0 && pool.count == 0)
    #expect(pool.deadline == .distantFuture)

    var taken: [SplicePipe] = []
    while let pipe = pool.take() { taken.append(pipe) }
    // Fewer only where the process may not have so many descriptors.
    #expect(taken.count <= EventLoop.pipeLimit && taken.count > 1)
    taken.removeLast()
    pool.lost()
    #expect(pool.take() != nil)
  }
}

/// A connection that reads nothing by itself.
private final class Passive: StreamConnection {
  var drained = 0
  var progressed = 0
  override func streamDrained() { drained += 1 }
  override func streamProgressed() { progressed += 1 }
}

@Suite struct SpliceTests {
  private let loop: EventLoop
  private let source = SocketPair()
  private let sink = SocketPair()
  private let from: Passive
  private let to: Passive

  init() throws {
    loop = try EventLoop()
    from = Passive(loop: loop)
    to = Passive(loop: loop)
    try from.adopt(source.giveNear())
    try to.adopt(sink.giveNear())
  }

  private func end() {
    from.close()
    to.close()
  }

  /// Fills the sink's kernel buffer until a part of a move stays in the pipe; returns all bytes moved.
  private func fillSink() -> Int {
    var moved = 0
    let piece = bytes(32_768)
    while to.backlog == 0 && moved < 64 << 20 {
      #expect(source.send(piece) == piece.count)
      guard case .moved(let count) = to.splice(from: from, atMost: .max) else { break }
      moved += count
    }
    return moved
  }

  @Test func aMoveGoesBehindWhatWasWritten() {
    #expect(source.send(bytes(1_000)) == 1_000)
    to.stage { $0.append("head") }
    #expect(to.splice(from: from, atMost: 600) == .moved(600))
    #expect(to.splice(from: from, atMost: 600) == .moved(400))
    from.ready(.input)
    #expect(from.isReadable)
    #expect(to.splice(from: from, atMost: 600) == .wouldBlock)
    #expect(!from.isReadable)
    shutdown(source.far, Int32(SHUT_WR))
    #expect(to.splice(from: from, atMost: 600) == .end)
    #expect(from.hasPeerFinished)
    #expect(sink.receive() == Array("head".utf8) + bytes(1_000))
    #expect(loop.pipes.count == 1 && loop.pipes.spareCount == 1)
    end()
  }

  @Test func whatTheSinkDoesNotTakeIsItsBacklog() {
    let moved = fillSink()
    let waiting = to.backlog
    #expect(waiting > 0 && loop.pipes.spareCount == 0)
    // Nothing more is taken out of the source while that is so.
    _ = source.send([1])
    #expect(to.splice(from: from, atMost: 1) == .moved(0))
    // What is written now comes behind.
    to.write([7, 8, 9].span)
    to.flushStage()
    #expect(to.backlog == waiting + 3)
    to.finishWriting()
    var received: [UInt8] = []
    while received.count < moved + 3 {
      let piece = sink.receive()
      #expect(!piece.isEmpty)
      if piece.isEmpty { break }
      received += piece
      to.ready(.output)
    }
    #expect(to.backlog == 0 && to.drained == 1 && to.progressed > 0)
    #expect(Array(received.suffix(3)) == [7, 8, 9])
    let piece = bytes(32_768)
    for start in stride(from: 0, to: moved, by: piece.count) {
      #expect(Array(received[start..<(start + piece.count)]) == piece)
    }
    // FIN, only now.
    var byte: UInt8 = 0
    #expect(recv(sink.far, &byte, 1, Int32(MSG_DONTWAIT)) == 0)
    #expect(loop.pipes.spareCount == 1)
    end()
  }

  @Test func aPipeWithBytesInItGoesWithItsConnection() {
    _ = fillSink()
    #expect(loop.pipes.count == 1)
    to.close()
    #expect(loop.pipes.count == 0 && loop.pipes.spareCount == 0)
    #expect(to.splice(from: from, atMost: 1) == .refused)
    end()
  }

  @Test func bytesThatMustLeaveThePipeKeepTheirPlace() throws {
    let moved = fillSink()
    let waiting = to.backlog
    to.write([7, 8, 9].span)
    to.flushStage()
    to.copyOut(of: try #require(to.pipe))
    #expect(to.backlog == waiting + 3 && loop.pipes.spareCount == 1)
    var received: [UInt8] = []
    while received.count < moved + 3 {
      let piece = sink.receive()
      if piece.isEmpty { break }
      received += piece
      to.ready(.output)
    }
    #expect(received.count == moved + 3)
    let all = (0..<(moved / 32_768)).flatMap { _ in bytes(32_768) }
    #expect(Array(received.dropLast(3)) == all)
    #expect(Array(received.suffix(3)) == [7, 8, 9])
    end()
  }

  @Test func aSinkThatBrokeKeepsItsBytesUntilItIsTold() {
    // As the loop's thread does.
    signal(SIGPIPE, SIG_IGN)
    #expect(source.send(bytes(100)) == 100)
    shutdown(sink.far, Int32(SHUT_RDWR))
    #expect(to.splice(from: from, atMost: 100) == .moved(100))
    #expect(to.backlog == 100)
    end()
    #expect(loop.pipes.count == 0)
  }

  @Test func withoutAPipeItIsRefused() {
    var taken: [SplicePipe] = []
    while let pipe = loop.pipes.take() { taken.append(pipe) }
    #expect(source.send(bytes(10)) == 10)
    #expect(to.splice(from: from, atMost: 10) == .refused)
    #expect(from.read(into: loop.readBuffer) == .bytes(10))
    end()
  }
}
