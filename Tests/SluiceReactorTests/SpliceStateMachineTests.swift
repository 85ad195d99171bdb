import Glibc
import Testing

@testable import SluiceReactor

@Suite struct SpliceStateMachineTests {
  private typealias Result = SpliceStateMachine.Result

  @Test func fillingAnEmptyPipeMeetsOnlyTheSource() {
    let cases: [(Result, SpliceStateMachine.FillAction, held: Int)] = [
      (.moved(7), .drain(7), 7), (.wouldBlock, .sourceDry, 0), (.end, .sourceEnded, 0),
      (.refused, .copy, 0), (.failed(ECONNRESET), .sourceFailed(ECONNRESET), 0),
    ]
    for (result, action, held) in cases {
      var machine = SpliceStateMachine()
      #expect(machine.filled(result) == action)
      #expect(machine.held == held)
    }
  }

  @Test func drainingGoesOnUntilEmptyOrRefusedOrFull() {
    let cases: [(Result, SpliceStateMachine.DrainAction, held: Int)] = [
      (.moved(10), .done, 0), (.moved(9), .again, 1), (.wouldBlock, .wait, 10), (.end, .wait, 10),
      (.failed(EPIPE), .wait, 10), (.refused, .copyOut, 10),
    ]
    for (result, action, held) in cases {
      var machine = SpliceStateMachine()
      _ = machine.filled(.moved(10))
      #expect(machine.drained(result) == action)
      #expect(machine.held == held)
    }
  }

  /// Every order of up to six events, against what the bytes say.
  @Test func noOrderOfEventsLosesOrInventsABytes() {
    let results: [Result] = [
      .moved(1), .moved(2), .moved(3), .wouldBlock, .end, .refused, .failed(EPIPE),
    ]
    var orders = 0
    func follow(_ machine: SpliceStateMachine, taken: Int, given: Int, depth: Int) {
      #expect(machine.held == taken - given)
      orders += 1
      if depth == 0 { return }
      for result in results {
        var next = machine
        var (taken, given) = (taken, given)
        if machine.held == 0 {
          if case .drain(let count) = next.filled(result) { taken += count }
        } else {
          if case .moved(let count) = result, count > machine.held { continue }
          let action = next.drained(result)
          if case .moved(let count) = result { given += count }
          #expect((action == .done) == (next.held == 0))
          if action == .copyOut {
            given += next.held
            next.emptied()
          }
        }
        follow(next, taken: taken, given: given, depth: depth - 1)
      }
    }
    follow(SpliceStateMachine(), taken: 0, given: 0, depth: 6)
    #expect(orders > 10_000)
  }

  @Test func whatTheKernelAnswersIsOneOfFive() {
    #expect(Result(count: 5, code: EAGAIN) == .moved(5))
    #expect(Result(count: 0, code: EAGAIN) == .end)
    #expect(Result(count: -1, code: EAGAIN) == .wouldBlock)
    for code in [EINVAL, ENOSYS, EPERM, ENOMEM] {
      #expect(Result(count: -1, code: code) == .refused)
    }
    for code in [EPIPE, ECONNRESET, ETIMEDOUT] {
      #expect(Result(count: -1, code: code) == .failed(code))
    }
  }
}
