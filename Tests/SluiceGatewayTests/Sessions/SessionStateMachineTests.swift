import Testing

@testable import SluiceGateway

@Suite struct SessionStateMachineTests {
  typealias Actions = SessionStateMachine.Actions

  @Test func aCallersCloseIsAnsweredByTheTarget() {
    var machine = SessionStateMachine()
    #expect(machine.passes(from: .client) && machine.passes(from: .upstream))
    #expect(machine.closeReceived(from: .client) == [.tellUpstream, .startDeadline])
    #expect(!machine.listens(to: .client))
    // The caller's answer is the target's.
    #expect(machine.told(.upstream) == [])
    #expect(!machine.passes(from: .client))
    #expect(machine.listens(to: .upstream))
    #expect(machine.closeReceived(from: .upstream) == [.tellClient, .finishUpstream])
    #expect(machine.told(.client) == [.disconnectClient])
    #expect(machine.disconnected(.client) == [])
    #expect(machine.ended(.upstream) == [.disconnectUpstream])
    #expect(machine.disconnected(.upstream) == [.finish])
  }

  @Test func aTargetsCloseIsAnsweredByTheCaller() {
    var machine = SessionStateMachine()
    #expect(machine.closeReceived(from: .upstream) == [.tellClient, .startDeadline])
    #expect(machine.told(.client) == [])
    #expect(machine.closeReceived(from: .client) == [.tellUpstream, .disconnectClient])
    #expect(machine.told(.upstream).contains(.finishUpstream))
  }

  @Test func theGatewayTellsBothAtOnce() {
    var machine = SessionStateMachine()
    #expect(machine.end() == [.tellClient, .tellUpstream, .startDeadline])
    #expect(machine.told(.client) == [.tellUpstream])
    #expect(machine.told(.upstream) == [])
    // The second reason changes nothing.
    #expect(machine.end() == [])
    #expect(machine.closeReceived(from: .client) == [.disconnectClient])
  }

  /// Its answer may be on its way when the caller is gone; nobody is left to get it.
  @Test func whoWaitsForAnAnswerMayLeave() {
    var machine = SessionStateMachine()
    _ = machine.closeReceived(from: .client)
    _ = machine.told(.upstream)
    #expect(machine.ended(.client) == [.disconnectClient])
    #expect(machine.disconnected(.client) == [])
    #expect(machine.closeReceived(from: .upstream) == [.finishUpstream])
  }

  @Test func whoseAnswerWillNotComeIsAnsweredByTheGateway() {
    var machine = SessionStateMachine()
    _ = machine.closeReceived(from: .client)
    _ = machine.told(.upstream)
    #expect(machine.ended(.upstream) == [.tellClient, .disconnectUpstream])
    #expect(machine.told(.client).contains(.disconnectClient))
  }

  @Test func theEndOfOneConnectionIsToldToTheOther() {
    for side in [SessionSide.client, .upstream] {
      var machine = SessionStateMachine()
      let actions = machine.ended(side)
      #expect(actions.contains(side == .client ? .tellUpstream : .tellClient))
      #expect(actions.contains(side == .client ? .disconnectClient : .disconnectUpstream))
      #expect(actions.contains(.startDeadline))
    }
  }

  /// Nobody waits for what the target answers, so its FIN need not wait either.
  @Test func afterACallerThatVanishedTheTargetGetsItsCloseFrameWithTheFIN() {
    var machine = SessionStateMachine()
    #expect(machine.ended(.client) == [.tellUpstream, .disconnectClient, .startDeadline])
    #expect(machine.disconnected(.client) == [.tellUpstream])
    #expect(machine.told(.upstream) == [.finishUpstream])
    // It still may answer, and ends its own side.
    #expect(machine.listens(to: .upstream) && !machine.passes(from: .upstream))
    #expect(machine.closeReceived(from: .upstream) == [])
    #expect(machine.ended(.upstream) == [.disconnectUpstream])
    #expect(machine.disconnected(.upstream) == [.finish])
  }

  @Test func aCallerThatClosedInOrderIsNoneThatVanished() {
    var machine = SessionStateMachine()
    _ = machine.closeReceived(from: .client)
    #expect(machine.told(.upstream) == [])
    #expect(machine.ended(.client) == [.disconnectClient])
    #expect(machine.disconnected(.client) == [])
  }

  /// Its unread bytes would turn a close into a reset, and the reason would be lost.
  @Test func whoBrokeTheRulesIsFinishedAndNotDisconnected() {
    var machine = SessionStateMachine()
    #expect(
      machine.end(ignoring: .client) == [.tellClient, .tellUpstream, .startDeadline])
    #expect(!machine.listens(to: .client))
    #expect(machine.told(.client) == [.tellUpstream, .finishClient])
    #expect(machine.told(.upstream) == [])
    // It left without a close frame.
    #expect(machine.ended(.client) == [.disconnectClient, .finishUpstream])
  }

  /// Whatever happens in whatever order: every session is over once both connections are gone, says
  /// so exactly once, and tells nobody twice.
  @Test func everyOrderOfEventsEnds() {
    enum Event: CaseIterable { case clientClose, upstreamClose, clientEnd, upstreamEnd, end, rule }
    func run(_ events: [Event]) {
      var machine = SessionStateMachine()
      var finished = 0
      var told: [SessionSide] = []
      var gone: Set<SessionSide> = []
      func perform(_ actions: Actions) {
        for (action, side) in [
          (Actions.tellClient, SessionSide.client), (.tellUpstream, .upstream),
        ]
        where actions.contains(action) && !told.contains(side) {
          told.append(side)
          perform(machine.told(side))
        }
        for (action, side) in [
          (Actions.disconnectClient, SessionSide.client), (.disconnectUpstream, .upstream),
        ] where actions.contains(action) && gone.insert(side).inserted {
          perform(machine.disconnected(side))
        }
        if actions.contains(.finish) { finished += 1 }
      }
      for event in events {
        switch event {
        case .clientClose where machine.listens(to: .client):
          perform(machine.closeReceived(from: .client))
        case .upstreamClose where machine.listens(to: .upstream):
          perform(machine.closeReceived(from: .upstream))
        case .clientEnd where !gone.contains(.client): perform(machine.ended(.client))
        case .upstreamEnd where !gone.contains(.upstream): perform(machine.ended(.upstream))
        case .end: perform(machine.end())
        case .rule where machine.listens(to: .client): perform(machine.end(ignoring: .client))
        default: break
        }
      }
      // The deadline.
      for side in [SessionSide.client, .upstream] where gone.insert(side).inserted {
        perform(machine.disconnected(side))
      }
      #expect(finished == 1, "\(events)")
    }
    for first in Event.allCases {
      for second in Event.allCases {
        for third in Event.allCases {
          for fourth in Event.allCases { run([first, second, third, fourth]) }
        }
      }
    }
  }

  // MARK: Without a target

  private func withoutTarget() -> SessionStateMachine {
    var machine = SessionStateMachine()
    machine.upstreamLost()
    return machine
  }

  @Test func withoutTargetTheCallerIsHeardAndTheLostOneIsNot() {
    var machine = withoutTarget()
    #expect(!machine.isEnding)
    #expect(machine.passes(from: .client) && machine.listens(to: .client))
    #expect(!machine.passes(from: .upstream) && !machine.listens(to: .upstream))
    machine.upstreamRegained()
    #expect(machine.passes(from: .client) && machine.passes(from: .upstream))
    // As if nothing had been.
    #expect(machine.end() == [.tellClient, .tellUpstream, .startDeadline])
    #expect(machine.told(.client) == [.tellUpstream])
    #expect(machine.closeReceived(from: .client) == [.tellUpstream, .disconnectClient])
  }

  @Test func withoutTargetACallersCloseIsAnsweredByTheGateway() {
    var machine = withoutTarget()
    #expect(machine.closeReceived(from: .client) == [.tellClient, .startDeadline])
    #expect(!machine.passes(from: .client))
    #expect(machine.told(.client) == [.disconnectClient])
    #expect(machine.disconnected(.client) == [.finish])
  }

  @Test func withoutTargetTheGatewayTellsTheCallerAlone() {
    var machine = withoutTarget()
    #expect(machine.end() == [.tellClient, .startDeadline])
    // What still comes is nobody's.
    #expect(!machine.passes(from: .client) && machine.listens(to: .client))
    #expect(machine.told(.client) == [])
    #expect(machine.closeReceived(from: .client) == [.disconnectClient])
    #expect(machine.disconnected(.client) == [.finish])
  }

  @Test func withoutTargetACallerThatVanishesIsTheEnd() {
    var machine = withoutTarget()
    #expect(machine.ended(.client) == [.disconnectClient, .startDeadline])
    #expect(machine.disconnected(.client) == [.finish])
  }
}
