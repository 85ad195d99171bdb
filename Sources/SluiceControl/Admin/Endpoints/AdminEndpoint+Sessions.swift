import SluiceGateway

extension AdminEndpoint {
  static let sessions = [
    AdminEndpoint(
      method: .get, path: "/connections",
      summary: "The live sessions that match all of the filters.",
      parameters: AdminParameter.filters + [
        AdminParameter("sort", .sort, "The order; by `id` unless given."),
        AdminParameter("limit", .integer(1...1_000), "Sessions on a page; 100 unless given."),
        AdminParameter("cursor", .cursor, "Where the page begins; with the same `sort`."),
        AdminParameter("count", .choice(["only"]), "Only how many there are."),
      ],
      answers: [
        .json(
          200, "A page of sessions; with `count=only` `{\"count\": n}`.",
          example: SessionListContent(connections: [.example], next: "id~0~AbCdEfGhIjKlMnOpQrStUv")),
        .problem(.invalidParameter), .problem(.unknownParameter),
      ],
      handler: list),
    AdminEndpoint(
      method: .get, path: "/connections/{id}",
      summary: "One session.",
      parameters: [.session],
      answers: [
        .json(200, "The session.", example: SessionContent.example), .problem(.noSuchSession),
      ],
      handler: { (request, context) async throws(AdminProblem) in
        guard let info = await (try context.sessions).info(try request.sessionID()) else {
          throw AdminProblem(.noSuchSession)
        }
        return .json(SessionContent(info))
      }),
    AdminEndpoint(
      method: .delete, path: "/connections/{id}",
      summary: "Ends a session with a close frame and the cause `admin`.",
      parameters: [.session] + AdminParameter.ending,
      answers: [
        .json(202, "The session, which closes.", example: SessionContent.example),
        .problem(.noSuchSession), .problem(.sessionClosing), .problem(.invalidParameter),
      ],
      handler: close),
    AdminEndpoint(
      method: .post, path: "/connections/close",
      summary: "Ends all sessions that match the filters now, so many per second.",
      parameters: AdminParameter.filters + AdminParameter.ending + [
        AdminParameter(
          "rate", .integer(1...1_000_000), "Sessions per second; 100 unless given."),
        AdminParameter("all", .choice(["true"]), "Needed when there is no filter."),
      ],
      answers: [
        .json(202, "The job; `Location` says where its progress is.", example: CloseJob.example),
        .problem(.filterMissing), .problem(.invalidParameter), .problem(.tooManyJobs),
      ],
      handler: closeAll),
    AdminEndpoint(
      method: .post, path: "/connections/{id}/messages",
      summary: "Sends the body as one message to the client of a session: as text if its "
        + "Content-Type is `text/…` or JSON, as binary otherwise.",
      parameters: [.session],
      body: Body(
        contentType: "text/plain", summary: "The message, at most 1 MiB.", isRequired: false),
      answers: [
        .json(202, "It goes out, or waits.", example: PushContent(backlogBytes: 120)),
        .problem(.noSuchSession), .problem(.sessionClosing), .problem(.backlogFull),
        .problem(.bodyNotText), .problem(.messageInvalid),
      ],
      isQuick: true, handler: push),
  ]

  private static let list: Handler = { (request, context) async throws(AdminProblem) in
    let sessions = try context.sessions
    if request.text("count") != nil {
      return .json(SessionCountContent(count: await sessions.count(request.filter)))
    }
    var query = SessionQuery()
    query.filter = request.filter
    query.sort = request.text("sort").flatMap { SessionSort($0) } ?? query.sort
    query.limit = request.integer("limit") ?? query.limit
    query.cursor = request.text("cursor").flatMap { SessionCursor($0) }
    if let cursor = query.cursor, cursor.sort != query.sort {
      throw AdminProblem(
        .invalidParameter, "cursor: it is of a list sorted by \(cursor.sort.text).")
    }
    let page = await sessions.page(query)
    return .json(
      SessionListContent(
        connections: page.sessions.map { SessionContent($0) }, next: page.next?.text))
  }

  private static let close: Handler = { (request, context) async throws(AdminProblem) in
    let sessions = try context.sessions
    let id = try request.sessionID()
    let ending = try request.ending(.admin)
    guard let info = await sessions.info(id) else { throw AdminProblem(.noSuchSession) }
    if await sessions.end([id], ending) == 0 { throw AdminProblem(.sessionClosing) }
    return .json(SessionContent(info), status: 202)
  }

  private static let closeAll: Handler = { (request, context) throws(AdminProblem) in
    let filter = request.filter
    if filter == SessionFilter(), request.text("all") == nil { throw AdminProblem(.filterMissing) }
    let job = context.jobs.begin(
      filter, try request.ending(.admin), rate: request.integer("rate") ?? 100,
      on: try context.sessions, thread: context.thread)
    guard let job else { throw AdminProblem(.tooManyJobs) }
    var answer = LocalAnswer.json(job.content, status: 202)
    answer.fields.append(FieldLine("Location", "/jobs/\(job.id)"))
    return answer
  }

  private static let push: Handler = { (request, context) async throws(AdminProblem) in
    let id = try request.sessionID()
    let isText = request.saysText
    if isText, String(validating: request.body, as: UTF8.self) == nil {
      throw AdminProblem(.bodyNotText)
    }
    let message = SessionMessage(isText: isText, bytes: request.body)
    switch await (try context.sessions).push(message, to: id) {
    case .accepted(let backlog): return .json(PushContent(backlogBytes: backlog), status: 202)
    case .backlogFull(let backlog):
      throw AdminProblem(.backlogFull, "\(backlog) bytes wait for the client.")
    case .closing: throw AdminProblem(.sessionClosing)
    case .invalid(let pointer, let keyword?):
      throw AdminProblem(.messageInvalid, pointer.isEmpty ? keyword : "\(keyword) at \(pointer)")
    case .invalid:
      throw AdminProblem(
        .messageInvalid, "It has to be JSON that names nothing twice, and not too large.")
    case .unknown: throw AdminProblem(.noSuchSession)
    }
  }
}

extension AdminRequest {
  /// Whether the body is text by its media type; JSON is.
  fileprivate var saysText: Bool {
    let type = (contentType ?? "").prefix { $0 != ";" }.lowercased().filter { $0 != " " }
    return type.hasPrefix("text/") || type == "application/json" || type.hasSuffix("+json")
  }
}
