import SluiceReactor

/// Questions and orders about sessions, taken to the workers through their mailboxes.
extension Gateway: SessionDirectory {
  public func page(_ query: SessionQuery) async -> SessionPage {
    let parts = await gather(query.filter, SessionPageBuilder(query)) { session, builder in
      let value = query.sort.value(of: session)
      if builder.wants(session.id, value: value) {
        builder.insert(session.info(now: session.loop.now), value: value)
      }
    }
    var whole = SessionPageBuilder(query)
    for part in parts { whole.merge(part) }
    return whole.page()
  }

  public func count(_ filter: SessionFilter) async -> Int {
    await gather(filter, 0) { _, count in count += 1 }.reduce(0, +)
  }

  public func ids(_ filter: SessionFilter) async -> [SessionID] {
    await gather(filter, [SessionID]()) { session, ids in ids.append(session.id) }.flatMap(\.self)
  }

  public func info(_ id: SessionID) async -> SessionInfo? {
    await first { worker in worker.sessions[id]?.info(now: worker.loop.now) }
  }

  public func end(_ ids: [SessionID], _ request: SessionEndRequest) async -> Int {
    var ended = 0
    for start in stride(from: 0, to: ids.count, by: Self.endsPerTurn) {
      let part = ids[start..<min(start + Self.endsPerTurn, ids.count)]
      let counts = await each { worker in
        part.reduce(0) { $0 + (worker.end($1, request) ? 1 : 0) }
      }
      ended += counts.reduce(0, +)
    }
    return ended
  }

  /// Sessions that a worker is told to end in one turn.
  private static var endsPerTurn: Int { 256 }

  public func push(_ message: SessionMessage, to id: SessionID) async -> SessionPushOutcome {
    await first { worker in worker.sessions[id]?.push(fromOutside: message) } ?? .unknown
  }

  public func recording(_ id: SessionID) async -> SessionRecordingOutcome {
    await first { worker in worker.recording(id) } ?? .unknown
  }

  public func tap(_ id: SessionID, _ tap: SessionTap) async -> Bool {
    let isThere = await first { worker in worker.sessions[id].map { $0.add(tap) } } != nil
    if !isThere { tap.stream.end() }
    return isThere
  }

  // MARK: To the workers

  /// Walks through the sessions of all workers at the same time; one result for each worker.
  private func gather<Result: Sendable>(
    _ filter: SessionFilter, _ initial: Result,
    _ visit: @escaping @Sendable (Session, inout Result) -> Void
  ) async -> [Result] {
    await withTaskGroup(of: Result?.self) { group in
      for worker in workers {
        group.addTask {
          await withCheckedContinuation { continuation in
            let isRunning = worker.thread.mailbox.post { loop in
              _ = SessionWalk(
                Worker.of(loop), filter, initial, visit: visit,
                done: { continuation.resume(returning: $0) })
            }
            if !isRunning { continuation.resume(returning: nil) }
          }
        }
      }
      return await group.reduce(into: []) { results, result in
        if let result { results.append(result) }
      }
    }
  }

  /// What `ask` answers on each worker.
  private func each<Result: Sendable>(
    _ ask: @escaping @Sendable (Worker) -> Result
  ) async -> [Result] {
    var results: [Result] = []
    for worker in workers {
      if let result = await Self.ask(worker, ask) { results.append(result) }
    }
    return results
  }

  /// The answer of the first worker that has one.
  private func first<Result: Sendable>(
    _ ask: @escaping @Sendable (Worker) -> Result?
  ) async -> Result? {
    for worker in workers {
      if let result = await Self.ask(worker, ask) ?? nil { return result }
    }
    return nil
  }

  /// Nil when the worker has ended.
  private static func ask<Result: Sendable>(
    _ worker: WorkerHandle, _ ask: @escaping @Sendable (Worker) -> Result
  ) async -> Result? {
    await withCheckedContinuation { continuation in
      let isRunning = worker.thread.mailbox.post { loop in
        continuation.resume(returning: ask(Worker.of(loop)))
      }
      if !isRunning { continuation.resume(returning: nil) }
    }
  }
}

extension Worker {
  /// False when there is no such session, or it is closing.
  fileprivate func end(_ id: SessionID, _ request: SessionEndRequest) -> Bool {
    guard let session = sessions[id], !session.machine.isEnding else { return false }
    session.end(
      SessionEnding(
        request.cause, code: request.code ?? request.cause.row.downstreamCode,
        reason: Array((request.reason ?? "").utf8)))
    return true
  }
}
