import SluiceReactor
import Testing

@testable import SluiceGateway

/// When lines go to a server, and which are lost.
@Suite struct LogQueueTests {
  private typealias Queue = LogQueueStateMachine

  private func at(_ milliseconds: Int64) -> MonotonicTime {
    MonotonicTime(nanoseconds: milliseconds * 1_000_000)
  }

  private func line(_ number: Int) -> [UInt8] { Array("\(number)".utf8) }

  private func queue(_ edit: (inout Queue.Limits) -> Void = { _ in }) -> Queue {
    var limits = Queue.Limits()
    limits.batchSize = 3
    limits.batchDelay = 1_000_000_000
    limits.retryFor = 100_000_000
    limits.firstPause = 10_000_000
    limits.maxPause = 40_000_000
    edit(&limits)
    return Queue(limits)
  }

  @Test func aFullBatchGoesAtOnceAndAnotherAfterTheDelay() {
    var queue = queue()
    #expect(queue.add(line(1), now: at(0)) == .wait(at(1_000)))
    #expect(queue.add(line(2), now: at(10)) == .nothing)
    #expect(queue.add(line(3), now: at(20)) == .send)
    #expect(queue.batch == [line(1), line(2), line(3)])
    // What comes meanwhile waits for the batch under way, and then for its own delay.
    #expect(queue.add(line(4), now: at(30)) == .nothing)
    #expect(queue.sent(now: at(50)) == .wait(at(1_050)))
    #expect(queue.deadlineReached() == .send)
    #expect(queue.batch == [line(4)])
    #expect(queue.sent(now: at(1_060)) == .nothing)
    #expect(queue.isEmpty && queue.lost == 0)
  }

  @Test func oneAtATimeDoesNotWait() {
    var queue = queue {
      $0.batchSize = 1
      $0.batchDelay = 0
    }
    #expect(queue.add(line(1), now: at(0)) == .send)
    for number in 2...4 { #expect(queue.add(line(number), now: at(1)) == .nothing) }
    for number in 2...4 {
      #expect(queue.sent(now: at(2)) == .send)
      #expect(queue.batch == [line(number)])
    }
    #expect(queue.sent(now: at(3)) == .nothing)
    #expect(queue.isEmpty)
  }

  /// The pauses double up to the longest, and the batch is the same each time; then it is lost.
  @Test func aBatchIsTriedAgainForSoLong() {
    var queue = queue { $0.batchSize = 1 }
    #expect(queue.add(line(1), now: at(0)) == .send)
    #expect(queue.add(line(2), now: at(1)) == .nothing)
    #expect(queue.failed(now: at(5)) == .wait(at(15)))
    #expect(queue.deadlineReached() == .send)
    #expect(queue.batch == [line(1)])
    #expect(queue.failed(now: at(15)) == .wait(at(35)))
    #expect(queue.deadlineReached() == .send)
    #expect(queue.failed(now: at(35)) == .wait(at(75)))
    #expect(queue.deadlineReached() == .send)
    // 105 ms after the first failure would be too late: the next goes.
    #expect(queue.failed(now: at(75)) == .send)
    #expect(queue.batch == [line(2)])
    #expect(queue.lost == 1)
    // Its own time begins with its own failure.
    #expect(queue.failed(now: at(80)) == .wait(at(90)))
    #expect(queue.deadlineReached() == .send)
    #expect(queue.sent(now: at(91)) == .nothing)
    #expect(queue.lost == 1 && queue.isEmpty)
  }

  @Test func withoutRetriesAFailureIsTheEnd() {
    var queue = queue {
      $0.batchSize = 1
      $0.retryFor = 0
    }
    #expect(queue.add(line(1), now: at(0)) == .send)
    #expect(queue.failed(now: at(1)) == .nothing)
    #expect(queue.isEmpty && queue.lost == 1)
  }

  /// Not the newest, and never what is under way.
  @Test func theOldestThatWaitIsLost() {
    var queue = queue {
      $0.batchSize = 1
      $0.maxLines = 3
    }
    #expect(queue.add(line(1), now: at(0)) == .send)
    for number in 2...6 { #expect(queue.add(line(number), now: at(1)) == .nothing) }
    #expect(queue.lost == 3)
    #expect(queue.batch == [line(1)])
    #expect(queue.sent(now: at(2)) == .send)
    #expect(queue.batch == [line(5)])
    #expect(queue.sent(now: at(2)) == .send)
    #expect(queue.batch == [line(6)])
  }

  @Test func whatHasNoRoomAtAllIsLostItself() {
    var queue = queue {
      $0.batchSize = 1
      $0.maxLines = 1
      $0.maxBytes = 4
    }
    #expect(queue.add(Array("12345".utf8), now: at(0)) == .nothing)
    #expect(queue.add(line(1), now: at(0)) == .send)
    #expect(queue.add(line(2), now: at(0)) == .nothing)
    #expect(queue.lost == 2 && queue.batch == [line(1)])
  }

  @Test func bytesAreBounded() {
    var queue = queue { $0.maxBytes = 10 }
    let four: [UInt8] = [1, 2, 3, 4]
    #expect(queue.add(four, now: at(0)) == .wait(at(1_000)))
    #expect(queue.add(four, now: at(0)) == .nothing)
    #expect(queue.add(four, now: at(0)) == .nothing)
    #expect(queue.lost == 1)
    #expect(queue.deadlineReached() == .send)
    #expect(queue.batch.count == 2)
    #expect(queue.sent(now: at(1)) == .nothing)
    // All of it is given back.
    #expect(queue.add([UInt8](repeating: 0, count: 10), now: at(2)) == .wait(at(1_002)))
    #expect(queue.lost == 1)
  }

  /// A drain: all goes, one batch after the other, and nothing twice.
  @Test func aHurryDoesNotWait() {
    var queue = queue()
    #expect(queue.hurry() == .nothing)
    #expect(queue.hurry(false) == .nothing)
    #expect(queue.add(line(1), now: at(0)) == .wait(at(1_000)))
    #expect(queue.hurry() == .send)
    #expect(queue.add(line(2), now: at(1)) == .nothing)
    #expect(queue.failed(now: at(2)) == .send)
    #expect(queue.lost == 1 && queue.batch == [line(2)])
    #expect(queue.sent(now: at(3)) == .nothing)
    #expect(queue.isEmpty)
    #expect(queue.add(line(3), now: at(4)) == .send)
    // It was taken back: there is time again.
    _ = queue.hurry(false)
    #expect(queue.failed(now: at(5)) == .wait(at(15)))
    #expect(queue.hurry() == .send)
    #expect(queue.failed(now: at(6)) == .nothing)
    #expect(queue.isEmpty && queue.lost == 2)
  }

  /// Whatever happens in whatever order: no line is there twice, none disappears, and the bounds hold.
  @Test(arguments: 1...50) func everyLineIsSentOrLost(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    var queue = queue {
      $0.batchSize = Int(random.next() % 4) + 1
      $0.maxLines = Int(random.next() % 8) + 1
      $0.batchDelay = Int64(random.next() % 2) * 1_000_000
    }
    var (added, sent, time) = (0, [[UInt8]](), Int64(0))
    for _ in 0..<400 {
      time += Int64(random.next() % 30)
      switch random.next() % 6 {
      case 0, 1, 2:
        added += 1
        _ = queue.add(line(added), now: at(time))
      case 3: _ = queue.deadlineReached()
      case 4:
        let batch = queue.batch
        let before = queue.lost
        _ = queue.sent(now: at(time))
        if queue.batch != batch, queue.lost == before { sent += batch }
      default: _ = queue.failed(now: at(time))
      }
    }
    _ = queue.hurry()
    while !queue.isEmpty {
      if queue.batch.isEmpty { _ = queue.deadlineReached() }
      sent += queue.batch
      _ = queue.sent(now: at(time))
    }
    #expect(Set(sent).count == sent.count)
    #expect(sent.count + queue.lost == added)
  }
}
