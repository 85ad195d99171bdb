import Testing

@testable import SluiceGateway

/// What a caller's connection may do next, against every order of events.
@Suite struct DownstreamStateMachineTests {
  @Test func keepsAliveOnlyWhenBothSidesAreCompleteAndWantTo() {
    for keepsAlive in [true, false] {
      for hasBody in [true, false] {
        for completesRequest in [true, false] {
          var machine = HTTP1DownstreamStateMachine()
          machine.requestBegun(keepsAlive: keepsAlive, hasBody: hasBody, maxRequests: 0)
          #expect(machine.keepsAlive == keepsAlive)
          #expect(machine.isRequestComplete == !hasBody)
          if completesRequest { machine.requestCompleted() }
          let isReusable = keepsAlive && (!hasBody || completesRequest)
          #expect(machine.responseCompleted() == (isReusable ? .nextRequest : .linger))
          #expect(machine.isAwaitingRequest == isReusable)
          #expect(machine.isLingering == !isReusable)
        }
      }
    }
  }

  @Test func theLastAllowedRequestEndsTheConnection() {
    var machine = HTTP1DownstreamStateMachine()
    for turn in 1...3 {
      machine.requestBegun(keepsAlive: true, hasBody: false, maxRequests: 3)
      #expect(machine.keepsAlive == (turn < 3))
      #expect(machine.responseCompleted() == (turn < 3 ? .nextRequest : .linger))
    }
  }

  @Test func whatWasDecidedToEndStaysSo() {
    var machine = HTTP1DownstreamStateMachine()
    machine.requestBegun(keepsAlive: true, hasBody: true, maxRequests: 0)
    machine.stopKeepingAlive()
    machine.requestCompleted()
    #expect(!machine.keepsAlive)
    #expect(machine.responseCompleted() == .linger)
    machine.stopKeepingAlive()
    machine.requestCompleted()
    #expect(machine.isLingering)
  }

  @Test func aSessionIsNoExchangeAnyMore() {
    var machine = HTTP1DownstreamStateMachine()
    machine.requestBegun(keepsAlive: true, hasBody: false, maxRequests: 0)
    machine.upgraded()
    #expect(machine.state == .upgraded)
    #expect(!machine.keepsAlive)
    machine.closed()
    #expect(machine.state == .closed)
    #expect(machine.responseCompleted() == .linger)
  }

  @Test(arguments: [false, true])
  func aCallersLastRequestNeedsNoLingering(isComplete: Bool) {
    var machine = HTTP1DownstreamStateMachine()
    machine.requestBegun(keepsAlive: false, callerEnds: true, hasBody: true, maxRequests: 0)
    if isComplete { machine.requestCompleted() }
    #expect(machine.responseCompleted() == (isComplete ? .close : .linger))
  }
}
