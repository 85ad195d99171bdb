/// What the admin API does with the live sessions of all workers. Every call goes to the workers
/// through their mailboxes and works in bounded slices there; none may be made on a worker's thread
/// by code that then waits for it.
public protocol SessionDirectory: Sendable {
  func page(_ query: SessionQuery) async -> SessionPage
  func count(_ filter: SessionFilter) async -> Int
  /// Those that match now, in no order.
  func ids(_ filter: SessionFilter) async -> [SessionID]
  func info(_ id: SessionID) async -> SessionInfo?
  /// Begins to end these; returns how many there were. What is closing already is not counted.
  func end(_ ids: [SessionID], _ ending: SessionEndRequest) async -> Int
  /// A message to the client of a session.
  func push(_ message: SessionMessage, to id: SessionID) async -> SessionPushOutcome
  /// What the flight recorder has of a session; of one that ended abnormally for a while after it.
  func recording(_ id: SessionID) async -> SessionRecordingOutcome
  /// Tells of a session's frames until its end. False when there is no such session; then the tap's
  /// stream is over.
  func tap(_ id: SessionID, _ tap: SessionTap) async -> Bool
}

/// How a session is to be ended, as an operator asks for it.
public struct SessionEndRequest: Sendable {
  public var cause: SessionCause
  /// What the client's close frame says; the cause's code when nil.
  public var code: UInt16?
  public var reason: String?

  public init(_ cause: SessionCause, code: UInt16? = nil, reason: String? = nil) {
    self.cause = cause
    self.code = code
    self.reason = reason
  }
}

public struct SessionMessage: Sendable {
  /// Otherwise binary. Text is valid UTF-8.
  public var isText: Bool
  public var bytes: [UInt8]

  public init(isText: Bool, bytes: [UInt8]) {
    self.isText = isText
    self.bytes = bytes
  }
}

public enum SessionPushOutcome: Sendable, Equatable {
  /// Bytes that wait for the client, this message included.
  case accepted(backlog: Int)
  case backlogFull(backlog: Int)
  case closing
  /// It is not what `json-schema` asks of the messages of targets; without a keyword it is no JSON that
  /// names nothing twice, or too large.
  case invalid(pointer: String, keyword: String?)
  /// No session has this id, now.
  case unknown
}
