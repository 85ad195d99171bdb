import SluiceConfiguration
import SluiceGateway
import Testing

/// A gateway in front of one WebSocket target: the route "all", with what a test sets on it.
final class SessionFixture {
  let fixture: Fixture
  let upstream: ScriptedUpstream
  var gateway: Gateway { fixture.gateway }

  init(
    _ script: @escaping ScriptedUpstream.Script,
    connection edit: (inout Configuration.ConnectionSettings) -> Void = { _ in },
    messages editMessages: (inout Configuration.MessageSettings) -> Void = { _ in }
  ) throws {
    var connection = Configuration.ConnectionSettings.impatient
    edit(&connection)
    var messages = Configuration.MessageSettings()
    editMessages(&messages)
    upstream = try ScriptedUpstream(script)
    fixture = try Fixture(to: upstream) {
      $0.all.kind = .websocket
      $0.all.connection = connection
      $0.all.messages = messages
    }
  }

  func open(receiveBuffer: Int32? = nil) throws -> WebSocketPeer {
    try fixture.client(receiveBuffer: receiveBuffer).open()
  }

  func report() async -> SessionReport? {
    await gateway.reports().flatMap(\.routes).first { $0.name == "all" }?.sessions
  }

  func dropped(_ reason: MessageDrop) async -> UInt64 { await report()?.dropped(reason) ?? 0 }

  /// The one session there was has ended for this cause.
  func cause(is cause: SessionCause) async throws {
    try await eventually("cause \(cause)") {
      let (open, closed) = await gateway.sessions()
      return open == 0 && closed == [cause: 1]
    }
  }
}

extension Configuration.ConnectionSettings {
  /// Most peers of tests do not answer close frames.
  static var impatient: Self {
    var settings = Self()
    settings.closeTimeout = .milliseconds(200)
    return settings
  }
}

extension WebSocketPeer {
  /// What passes until the connection ends, close frames as `close CODE`.
  func lines() throws -> [String] {
    var lines: [String] = []
    while let frame = try read() { lines.append(frame.line) }
    return lines
  }
}

extension WebSocketPeer.Frame {
  var line: String {
    switch opcode {
    case 8: "close \(closeCode ?? 0)"
    case 9: "ping \(text)"
    case 10: "pong \(text)"
    default: text
    }
  }
}
