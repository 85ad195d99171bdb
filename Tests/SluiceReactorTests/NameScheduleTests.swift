import SluiceReactor
import Testing

private let second: Int64 = 1_000_000_000
private let first = SocketAddress("10.0.0.1:80")!
private let other = SocketAddress("10.0.0.2:80")!
private let silent = NameResolver.Outcome.failure(
  NameResolutionError(kind: .temporary, text: "no answer"))

private func at(_ seconds: Int64, _ nanoseconds: Int64 = 0) -> MonotonicTime {
  MonotonicTime(nanoseconds: seconds * second + nanoseconds)
}

@Suite struct NameScheduleTests {
  /// Looked up at 0 with one address; interval 60 s.
  private func settled(interval: Int64 = 60) -> NameScheduleStateMachine {
    var machine = NameScheduleStateMachine(intervalNanoseconds: interval * second, now: at(0))
    #expect(machine.poll(now: at(0)) == .lookUp)
    #expect(machine.answered(.success([first]), now: at(0)) == .changed([first]))
    return machine
  }

  @Test func looksUpAtOnceAndThenEveryInterval() {
    var machine = NameScheduleStateMachine(intervalNanoseconds: 60 * second, now: at(5))
    #expect(machine.wakeUp == at(5))
    #expect(machine.poll(now: at(5)) == .lookUp)
    #expect(machine.wakeUp == nil)
    #expect(machine.poll(now: at(500)) == .none, "one look-up at a time")
    #expect(machine.answered(.success([first]), now: at(7)) == .changed([first]))
    #expect(machine.wakeUp == at(67))
    #expect(machine.poll(now: at(67, -1)) == .none)
    #expect(machine.poll(now: at(67)) == .lookUp)
  }

  @Test func tellsOnlyDifferences() {
    var machine = settled()
    var now: Int64 = 60
    func answer(_ found: [SocketAddress]) -> NameScheduleStateMachine.Action {
      #expect(machine.poll(now: at(now)) == .lookUp)
      defer { now += 60 }
      return machine.answered(.success(found), now: at(now))
    }
    #expect(answer([first]) == .none)
    #expect(answer([first, other]) == .changed([first, other]))
    #expect(answer([other, first]) == .none, "a rotated order is no difference")
    #expect(machine.addresses == [first, other])
    #expect(answer([other]) == .changed([other]))
    #expect(answer([]) == .none, "no addresses are a failed look-up")
    #expect(machine.addresses == [other])
    #expect(machine.lastError?.kind == .notFound)
  }

  @Test func anAnswerNobodyAskedForChangesNothing() {
    var machine = settled()
    #expect(machine.answered(.success([other]), now: at(1)) == .none)
    #expect(machine.addresses == [first])
    #expect(machine.wakeUp == at(60))
  }

  @Test func aConnectFailureAsksAtOnceButASecondApart() {
    var late = settled()
    #expect(late.connectFailed(now: at(1)) == .lookUp)
    #expect(late.connectFailed(now: at(2)) == .none, "the answer under way is fresh enough")

    var early = settled()
    #expect(early.connectFailed(now: at(1, -1)) == .none)
    #expect(early.wakeUp == at(1))
    #expect(early.poll(now: at(1, -1)) == .none)
    #expect(early.poll(now: at(1)) == .lookUp)
  }

  @Test func aConnectFailureDoesNotPutTheScheduledLookUpOff() {
    var machine = settled(interval: 1)
    #expect(machine.poll(now: at(1)) == .lookUp)
    // The answer took long: the next regular look-up is due at 11, a second after this answer.
    #expect(machine.answered(.success([first]), now: at(10)) == .none)
    #expect(machine.connectFailed(now: at(10)) == .lookUp)
    #expect(machine.answered(.success([first]), now: at(10)) == .none)
    #expect(machine.connectFailed(now: at(10)) == .none)
    #expect(machine.wakeUp == at(11))
  }

  @Test func lookUpsInVainMoveApartUpToHalfAMinute() {
    var machine = settled(interval: 1000)
    var began: Int64 = 0
    for gap: Int64 in [1, 2, 4, 8, 16, 30, 30, 30] {
      #expect(machine.connectFailed(now: at(began)) == .none)
      #expect(machine.wakeUp == at(began + gap))
      began += gap
      #expect(machine.connectFailed(now: at(began, -1)) == .none)
      #expect(machine.connectFailed(now: at(began)) == .lookUp)
      #expect(machine.answered(.success([first]), now: at(began)) == .none)
    }
    // News ends it.
    #expect(machine.connectFailed(now: at(began + 30)) == .lookUp)
    #expect(machine.answered(.success([other]), now: at(began + 30)) == .changed([other]))
    #expect(machine.connectFailed(now: at(began + 30)) == .none)
    #expect(machine.wakeUp == at(began + 31))
  }

  @Test func onlyAQuietIntervalEndsTheGrowth() {
    var machine = settled(interval: 10)
    #expect(machine.connectFailed(now: at(1)) == .lookUp)
    #expect(machine.answered(.success([first]), now: at(1)) == .none)
    #expect(machine.connectFailed(now: at(3)) == .lookUp)
    #expect(machine.answered(.success([first]), now: at(3)) == .none)
    #expect(machine.connectFailed(now: at(7)) == .lookUp)
    #expect(machine.answered(.success([first]), now: at(7)) == .none)
    // The gap is 8 s now. A failure at 16 waits for nothing and doubles it.
    #expect(machine.connectFailed(now: at(16)) == .lookUp)
    #expect(machine.answered(.success([first]), now: at(16)) == .none)
    // 16 s reach behind the regular look-up at 26, which is then in vain as well.
    #expect(machine.connectFailed(now: at(20)) == .none)
    #expect(machine.wakeUp == at(26))
    #expect(machine.poll(now: at(26)) == .lookUp)
    #expect(machine.answered(.success([first]), now: at(26)) == .none)
    #expect(machine.poll(now: at(36)) == .lookUp)
    #expect(machine.answered(.success([first]), now: at(36)) == .none)
    // That one nobody had complained before.
    #expect(machine.connectFailed(now: at(36)) == .none)
    #expect(machine.wakeUp == at(37))
  }

  @Test func failedLookUpsKeepTheAddressesAndAreRetriedWithGrowth() {
    var machine = settled()
    var now: Int64 = 60
    for pause: Int64 in [1, 2, 4, 8, 16, 30, 30] {
      #expect(machine.poll(now: at(now)) == .lookUp)
      #expect(machine.answered(silent, now: at(now + 5)) == .none)
      #expect(machine.addresses == [first])
      #expect(machine.lastError?.kind == .temporary)
      #expect(machine.wakeUp == at(now + 5 + pause))
      now += 5 + pause
    }
    #expect(machine.poll(now: at(now)) == .lookUp)
    #expect(machine.answered(.success([first]), now: at(now)) == .none)
    #expect(machine.lastError == nil)
    #expect(machine.wakeUp == at(now + 60))
  }

  @Test func aFailedLookUpIsNeverRetriedLaterThanTheInterval() {
    var machine = settled(interval: 3)
    var now: Int64 = 3
    for pause: Int64 in [1, 2, 3, 3] {
      #expect(machine.poll(now: at(now)) == .lookUp)
      #expect(machine.answered(silent, now: at(now)) == .none)
      #expect(machine.wakeUp == at(now + pause))
      now += pause
    }
  }
}
