import Glibc
import SluiceWire
import Testing

@testable import SluiceReactor

private final class Writer: StreamConnection {
  var stalls = 0
  override func streamStalled() { stalls += 1 }
}

/// A loop that never turns, so that nothing is flushed but by what the test does.
@Suite struct OutputStageTests {
  private let loop: EventLoop
  private let writers: [Writer]
  private let peers: [Int32]

  init() throws {
    loop = try EventLoop()
    var writers: [Writer] = []
    var peers: [Int32] = []
    for _ in 0..<3 {
      var ends: [Int32] = [-1, -1]
      let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
      try #require(socketpair(AF_UNIX, kind, 0, &ends) == 0)
      let writer = Writer(loop: loop)
      try writer.adopt(ends[0])
      writers.append(writer)
      peers.append(ends[1])
    }
    self.writers = writers
    self.peers = peers
  }

  private func received(_ index: Int) -> String {
    var piece = [UInt8](repeating: 0, count: 65_536)
    let count = recv(peers[index], &piece, piece.count, Int32(MSG_DONTWAIT))
    return String(decoding: piece[..<max(0, count)], as: UTF8.self)
  }

  private func end() {
    for writer in writers { writer.close() }
    for peer in peers { close(peer) }
  }

  @Test func nothingLeavesBeforeTheTurnEnds() {
    writers[0].stage { $0.append("a") }
    writers[1].stage { $0.append("b") }
    writers[0].stage { $0.append("c") }
    #expect(received(0) == "" && received(1) == "")
    loop.stage.flush()
    #expect(received(0) == "ac" && received(1) == "b")
    #expect(writers.allSatisfy { !$0.hasStaged })
    loop.stage.flush()
    #expect(received(0) == "" && received(1) == "")
    end()
  }

  @Test func whoeverFlushesFlushesAll() {
    writers[0].stage { $0.append("a") }
    writers[1].stage { $0.append("b") }
    writers[2].flushStage()
    #expect(received(0) == "" && received(1) == "")
    writers[0].flushStage()
    #expect(received(0) == "a" && received(1) == "b")
    end()
  }

  @Test func closingSendsWhatWasStaged() {
    writers[0].stage { $0.append("last words") }
    writers[1].stage { $0.append("b") }
    writers[0].close()
    #expect(received(0) == "last words")
    #expect(received(1) == "b")
    writers[1].stage { $0.append("more") }
    loop.stage.flush()
    #expect(received(1) == "more")
    end()
  }

  /// Both ways of sending a large piece: behind one's own staged bytes, and when another has staged
  /// since.
  @Test func aLargePieceFollowsWhatWasStaged() {
    let large = [UInt8](repeating: 0x78, count: 8_192)
    let text = String(decoding: large, as: UTF8.self)
    writers[1].stage { $0.append("b") }
    writers[0].stage { $0.append("head") }
    writers[0].write(large.span)
    #expect(received(0) == "head" + text && received(1) == "b")
    writers[0].stage { $0.append("head") }
    writers[1].stage { $0.append("b") }
    writers[0].write(large.span)
    #expect(received(0) == "head" + text && received(1) == "b")
    writers[2].write(large.span)
    #expect(received(2) == text)
    end()
  }

  @Test func tooMuchDoesNotWait() {
    let piece = [UInt8](repeating: 0x78, count: 4_096)
    for _ in 0..<6 { writers[0].write(piece.span) }
    #expect(received(0) == "")
    writers[0].write(piece.span)
    #expect(received(0).utf8.count == 7 * 4_096)
    // And neither do too many pieces.
    for _ in 0..<40 { for writer in writers { writer.stage { $0.append("x") } } }
    #expect(received(0).utf8.count >= 20)
    end()
  }

  @Test func aSuccessorSendsWhatWasStaged() {
    let successor = Writer(loop: loop)
    writers[0].stage { $0.append("a") }
    writers[1].stage { $0.append("b") }
    writers[0].stage { $0.append("c") }
    let token = writers[0].token
    writers[0].handOver(to: successor)
    #expect(successor.token == token && writers[0].token == .none && writers[0].isClosed)
    successor.stage { $0.append("d") }
    loop.stage.flush()
    #expect(received(0) == "acd" && received(1) == "b")
    successor.close()
    end()
  }

  /// What is staged first counts as backlog when it could not leave.
  @Test func whoTakesNothingMoreIsToldOfOnce() {
    let piece = [UInt8](repeating: 120, count: 4_000)
    var pieces = 0
    while writers[0].stalls == 0 && pieces < 10_000 {
      writers[0].stage { $0.append(piece.span) }
      #expect(writers[0].stalls == 0)
      loop.stage.flush()
      pieces += 1
    }
    #expect(writers[0].stalls == 1 && writers[0].backlog > 0)
    writers[0].stage { $0.append(piece.span) }
    loop.stage.flush()
    #expect(writers[0].stalls == 1)
    end()
  }

  @Test func whatIsStagedLeavesInFrontOfTheEnd() {
    let endings: [(Writer) -> Void] = [{ $0.close() }, { $0.finishWriting() }]
    for (index, ending) in endings.enumerated() {
      writers[index].stage { $0.append("last") }
      writers[2].stage { $0.append("other") }
      writers[index].stage { $0.append(" words") }
      ending(writers[index])
      #expect(received(index) == "last words")
      #expect(received(index) == "")
      #expect(received(2) == "other")
    }
    end()
  }
}
