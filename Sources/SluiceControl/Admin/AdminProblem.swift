import SluiceConfiguration
import SluiceGateway

/// Why the admin API refuses a request; answered as problem JSON (RFC 9457).
struct AdminProblem: Error {
  /// The one table: statuses, texts and the reference page come from here. Codes are stable.
  enum Code: String, CaseIterable, Sendable {
    case hostNotLocal = "host-not-local"
    case fromWebPage = "from-web-page"
    case unauthorized
    case noSuchResource = "no-such-resource"
    case methodNotAllowed = "method-not-allowed"
    case unknownParameter = "unknown-parameter"
    case invalidParameter = "invalid-parameter"
    case missingParameter = "missing-parameter"
    case bodyMissing = "body-missing"
    case bodyNotText = "body-not-text"
    case filterMissing = "filter-missing"
    case purgeUnclear = "purge-unclear"
    case noSuchSession = "no-such-session"
    case sessionClosing = "session-closing"
    case backlogFull = "backlog-full"
    case messageInvalid = "message-invalid"
    case recorderOff = "recorder-off"
    case payloadsNotAllowed = "payloads-not-allowed"
    case noSuchRevocation = "no-such-revocation"
    case tooManyRevocations = "too-many-revocations"
    case revocationNotKept = "revocation-not-kept"
    case noSuchJob = "no-such-job"
    case tooManyJobs = "too-many-jobs"
    case tooManyStreams = "too-many-streams"
    case invalidConfiguration = "invalid-configuration"
    case reloadRefused = "reload-refused"
    case noFile = "no-file"
    case fileUnreadable = "file-unreadable"
    case notDraining = "not-draining"
    case resumeFailed = "resume-failed"
    case notRunning = "not-running"

    var status: Int {
      switch self {
      case .unauthorized: 401
      case .hostNotLocal, .fromWebPage, .payloadsNotAllowed: 403
      case .noSuchResource, .noSuchSession, .noSuchRevocation, .noSuchJob: 404
      case .methodNotAllowed: 405
      case .sessionClosing, .recorderOff, .reloadRefused, .noFile, .notDraining: 409
      case .invalidConfiguration, .messageInvalid: 422
      case .backlogFull, .tooManyRevocations, .tooManyJobs, .tooManyStreams: 429
      case .fileUnreadable, .resumeFailed, .revocationNotKept: 500
      case .notRunning: 503
      case .unknownParameter, .invalidParameter, .missingParameter, .bodyMissing, .bodyNotText,
        .filterMissing, .purgeUnclear:
        400
      }
    }

    var title: String {
      switch self {
      case .hostNotLocal: "Without a token the admin API answers to loopback names only."
      case .fromWebPage:
        "Without a token the admin API does not answer web pages; set admin.token if one has to ask."
      case .unauthorized: "This needs the token of the admin API."
      case .noSuchResource: "The admin API has no such path; /openapi.json lists them."
      case .methodNotAllowed: "This path is there for other methods."
      case .unknownParameter: "There is no such parameter here."
      case .invalidParameter: "A parameter's value has not the right form."
      case .missingParameter: "A parameter is missing."
      case .bodyMissing: "This needs a body."
      case .bodyNotText: "The body is no valid UTF-8."
      case .filterMissing: "Without a filter this would be about every session; say all=true."
      case .purgeUnclear: "Say what to forget by exactly one of url, prefix, tag and all=true."
      case .noSuchSession: "No open session has this id."
      case .sessionClosing: "The session is closing."
      case .backlogFull: "Too much waits for this client already."
      case .messageInvalid: "The message is not what the route's json-schema asks of targets."
      case .recorderOff:
        "The session's route keeps no frames; set connection.flightRecorder on it."
      case .payloadsNotAllowed:
        "Payloads are shown only if admin.tapPayloads says how much of them."
      case .noSuchRevocation: "There is no such revocation, or it is over."
      case .tooManyRevocations: "Too many revocations are in force; take some back."
      case .revocationNotKept:
        "It holds, but the file of admin.revocationFile could not be written: after a restart it would not."
      case .noSuchJob: "There is no such job, or it ended long ago."
      case .tooManyJobs: "Too many jobs run already."
      case .tooManyStreams: "Too many event streams are open already."
      case .invalidConfiguration: "The configuration has mistakes."
      case .reloadRefused: "The configuration can't be put in force."
      case .noFile: "The gateway runs without a file; send a configuration."
      case .fileUnreadable: "The configuration file can't be read."
      case .notDraining: "Nothing is being drained."
      case .resumeFailed: "The listeners could not be opened again."
      case .notRunning: "The gateway is starting or ending."
      }
    }
  }

  let code: Code
  var detail: String?
  var diagnostics: [Diagnostic] = []
  /// For 405.
  var allow: String?

  init(_ code: Code, _ detail: String? = nil) {
    self.code = code
    self.detail = detail
  }

  private struct Content: Encodable {
    let type = "about:blank"
    let title: String
    let status: Int
    let code: String
    let detail: String?
    let diagnostics: [DiagnosticContent]?
  }

  var answer: LocalAnswer {
    let content = Content(
      title: code.title, status: code.status, code: code.rawValue, detail: detail,
      diagnostics: diagnostics.isEmpty ? nil : diagnostics.map(DiagnosticContent.init))
    // On one line, as the gateway's other problems are.
    let text = AdminJSON(encoding: content).text(isPretty: false) + "\n"
    var answer = LocalAnswer.admin(code.status, "application/problem+json", text)
    if let allow { answer.fields.append(FieldLine("Allow", allow)) }
    if code == .unauthorized {
      answer.fields.append(FieldLine("WWW-Authenticate", "Bearer realm=\"sluice admin\""))
    }
    return answer
  }
}

/// A finding about a configuration as the API shows it.
struct DiagnosticContent: Codable {
  var severity: String
  var file: String
  var line: Int
  var column: Int
  var message: String
  var hint: String?

  init(_ diagnostic: Diagnostic) {
    severity = diagnostic.severity.rawValue
    file = diagnostic.file
    line = diagnostic.line
    column = diagnostic.column
    message = diagnostic.message
    hint = diagnostic.hint
  }
}

extension LocalAnswer {
  static func json(_ value: some Encodable, status: Int = 200) -> LocalAnswer {
    admin(status, "application/json", Array(AdminJSON.bytes(encoding: value)) + [0x0A])
  }

  static func text(_ text: String, status: Int = 200) -> LocalAnswer {
    admin(status, "text/plain; charset=utf-8", text)
  }

  /// Nothing that the admin API says is true for long.
  static func admin(_ status: Int, _ contentType: StaticString, _ text: String) -> LocalAnswer {
    admin(status, contentType, Array(text.utf8))
  }

  static func admin(_ status: Int, _ contentType: StaticString, _ body: [UInt8]) -> LocalAnswer {
    var answer = LocalAnswer(status: status, contentType: contentType, body: body)
    answer.fields.append(FieldLine("Cache-Control", "no-store"))
    return answer
  }
}
