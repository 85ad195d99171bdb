import Testing

@testable import SluiceGateway

/// What a target's connection may do next, and what its end means for the exchange.
@Suite struct UpstreamStateMachineTests {
  private func exchanging(isReused: Bool, isRequestComplete: Bool) -> HTTP1UpstreamStateMachine {
    var machine = HTTP1UpstreamStateMachine()
    #expect(machine.isConnecting)
    machine.opened()
    #expect(machine.isIdle)
    machine.requestBegun(isReused: isReused, isRequestComplete: isRequestComplete)
    #expect(!machine.isIdle)
    return machine
  }

  @Test func isReusedOnlyAfterACleanExchange() {
    for keepsAlive in [true, false] {
      for isRequestComplete in [true, false] {
        for hasExcess in [true, false] {
          var machine = exchanging(isReused: false, isRequestComplete: isRequestComplete)
          machine.responseBegun(keepsAlive: keepsAlive)
          let isClean = keepsAlive && isRequestComplete && !hasExcess
          #expect(machine.responseCompleted(hasExcess: hasExcess) == (isClean ? .reuse : .close))
          #expect(machine.isIdle == isClean)
        }
      }
    }
  }

  @Test func aRequestThatIsCompletedLaterCounts() {
    var machine = exchanging(isReused: false, isRequestComplete: false)
    machine.responseBegun(keepsAlive: true)
    machine.requestCompleted()
    #expect(machine.responseCompleted(hasExcess: false) == .reuse)
  }

  @Test(arguments: [true, false]) func anEndBeforeTheResponse(isReused: Bool) {
    var closed = exchanging(isReused: isReused, isRequestComplete: true)
    #expect(closed.failed(isMalformed: false) == .closedBeforeResponse(isReused: isReused))
    #expect(closed.failed(isMalformed: false) == nil)
    var malformed = exchanging(isReused: isReused, isRequestComplete: true)
    #expect(malformed.failed(isMalformed: true) == .malformedResponse)
  }

  @Test func anEndWithinTheResponseIsATruncation() {
    for isMalformed in [true, false] {
      var machine = exchanging(isReused: true, isRequestComplete: true)
      machine.responseBegun(keepsAlive: true)
      #expect(machine.failed(isMalformed: isMalformed) == .truncatedResponse)
    }
  }

  @Test func anIdleConnectionsEndConcernsNobody() {
    var machine = HTTP1UpstreamStateMachine()
    machine.opened()
    #expect(machine.failed(isMalformed: false) == nil)
    #expect(!machine.isIdle)
  }
}
