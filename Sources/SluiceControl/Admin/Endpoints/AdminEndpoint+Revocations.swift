import SluiceConfiguration
import SluiceGateway
import SluiceReactor

extension AdminEndpoint {
  static let revocations = [
    AdminEndpoint(
      method: .get, path: "/revocations",
      summary: "The revocations in force, oldest first.",
      answers: [.json(200, "The revocations.", example: [RevocationContent.example])],
      handler: { (_, context) throws(AdminProblem) in
        let clock = RevocationClock()
        return .json(
          try context.process.gateway.allRevocations.map { RevocationContent($0, clock) })
      }),
    AdminEndpoint(
      method: .post, path: "/revocations",
      summary: "Takes trust back for a time: requests that rest on it get 401 `revoked`, live "
        + "sessions are closed with 4403 and the cause `revoked`. Exactly one of `consumer`, "
        + "`credential`, `jti`, `sub` and `session` is given; the same one again gets a new time.",
      parameters: AdminParameter.revoked + [
        AdminParameter(
          "lifetime", .duration,
          "How long it holds, at most `8784h`; `24h` unless given. A token's should not be shorter "
            + "than the token's own."),
        AdminParameter("reason", .text, "For whoever reads the list, at most 256 bytes."),
      ],
      answers: [
        .json(201, "No worker trusts it any more.", example: RevocationContent.example),
        .problem(.missingParameter), .problem(.invalidParameter), .problem(.tooManyRevocations),
        .problem(.revocationNotKept),
      ],
      handler: revoke),
    AdminEndpoint(
      method: .delete, path: "/revocations/{id}",
      summary: "Trusts again. Sessions that were closed stay closed.",
      parameters: [AdminParameter("id", .revocationID, "The revocation's id.", isInPath: true)],
      answers: [
        .json(200, "The revocation, which holds no more.", example: RevocationContent.example),
        .problem(.noSuchRevocation),
      ],
      handler: { (request, context) async throws(AdminProblem) in
        guard let id = request.text("id").flatMap({ UInt64($0) }),
          let revocation = try await context.process.gateway.takeBack(revocation: id)
        else { throw AdminProblem(.noSuchRevocation) }
        return .json(RevocationContent(revocation, RevocationClock()))
      }),
  ]

  private static let maxReasonBytes = 256
  private static let maxLifetime = Timespan.seconds(366 * 86_400)

  private static let revoke: Handler = { (request, context) async throws(AdminProblem) in
    let what = try request.revoked()
    let reason = request.text("reason") ?? ""
    if reason.utf8.count > maxReasonBytes {
      throw AdminProblem(.invalidParameter, "reason: write at most \(maxReasonBytes) bytes.")
    }
    let lifetime = request.nanoseconds("lifetime") ?? Timespan.seconds(86_400).nanoseconds
    guard lifetime > 0, lifetime <= maxLifetime.nanoseconds else {
      throw AdminProblem(.invalidParameter, "lifetime: write more than nothing, at most 8784h.")
    }
    let gateway = try context.process.gateway
    guard let done = await gateway.revoke(what, reason: reason, lifetime: lifetime) else {
      throw AdminProblem(.tooManyRevocations)
    }
    if !done.isKept { throw AdminProblem(.revocationNotKept) }
    var content = RevocationContent(done.revocation, RevocationClock())
    content.closing = done.closing
    if case .consumer = what {
      content.isKnown = gateway.configuration.consumers[content.value] != nil
    }
    var answer = LocalAnswer.json(content, status: 201)
    answer.fields.append(FieldLine("Location", "/revocations/\(content.id)"))
    return answer
  }
}

extension AdminParameter {
  fileprivate static let revoked = [
    AdminParameter("consumer", .text, "Everything of this consumer."),
    AdminParameter(
      "credential", .text,
      "A credential, by what targets get as `X-Credential-Identifier` and the log has."),
    AdminParameter("jti", .text, "Tokens with this id."),
    AdminParameter("sub", .text, "Tokens about this subject."),
    AdminParameter("session", .sessionID, "One session."),
  ]
}

extension AdminRequest {
  /// What is to be revoked: exactly one thing.
  fileprivate func revoked() throws(AdminProblem) -> Revocation.What {
    let given = AdminParameter.revoked.map(\.name).filter { text($0) != nil }
    let names = "consumer, credential, jti, sub and session"
    guard let name = given.first, let value = text(name) else {
      throw AdminProblem(.missingParameter, "Give one of \(names).")
    }
    if given.count > 1 { throw AdminProblem(.invalidParameter, "Give only one of \(names).") }
    let bytes = Array(value.utf8)
    if bytes.count > 1_024 {
      throw AdminProblem(.invalidParameter, "\(name): write at most 1024 bytes.")
    }
    switch name {
    case "consumer": return .consumer(bytes)
    case "credential": return .credential(bytes)
    case "jti": return .tokenID(bytes)
    case "sub": return .subject(bytes)
    default:
      guard let id = SessionID(value) else {
        throw AdminProblem(.invalidParameter, "session: this is no session's id.")
      }
      return .session(id)
    }
  }
}

/// Both clocks at one moment.
struct RevocationClock {
  let now = MonotonicTime.now()
  let time = Timestamp.now()

  func text(_ moment: MonotonicTime) -> String {
    Timestamp(
      milliseconds: time.milliseconds + moment.nanoseconds(since: now) / 1_000_000
    ).text
  }
}

/// A revocation as the admin API shows it.
struct RevocationContent: Codable, Sendable {
  var id: String
  /// `consumer`, `credential`, `jti`, `sub` or `session`.
  var by: String
  var value: String
  var reason: String
  var expiresAt: String
  /// Sessions that are being closed; in the answer to `POST` only.
  var closing: Int?
  /// Of a consumer, in the answer to `POST` only: whether the configuration has one of this name. One that it
  /// has not is revoked all the same.
  var isKnown: Bool?

  static let example = RevocationContent(
    id: "7", by: "consumer", value: "alice", reason: "lost laptop",
    expiresAt: "2026-01-31T12:00:00.000Z", closing: 3, isKnown: true)
}

extension RevocationContent {
  init(_ revocation: Revocation, _ clock: RevocationClock) {
    id = String(revocation.id)
    func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
    (by, value) =
      switch revocation.what {
      case .consumer(let name): ("consumer", text(name))
      case .credential(let name): ("credential", text(name))
      case .tokenID(let name): ("jti", text(name))
      case .subject(let name): ("sub", text(name))
      case .session(let id): ("session", id.description)
      }
    reason = revocation.reason
    expiresAt = clock.text(revocation.expires)
  }
}
