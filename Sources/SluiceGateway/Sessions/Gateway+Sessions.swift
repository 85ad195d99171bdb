extension Gateway: SessionDirectory {
  public func page(_ query: SessionQuery) async -> SessionPage { SessionPage() }
  public func count(_ filter: SessionFilter) async -> Int { 0 }
  public func ids(_ filter: SessionFilter) async -> [SessionID] { [] }
  public func info(_ id: SessionID) async -> SessionInfo? { nil }
  public func end(_ ids: [SessionID], _ ending: SessionEnding) async -> Int { 0 }
  public func push(_ message: SessionMessage, to id: SessionID) async -> SessionPushOutcome {
    .unknown
  }
}
