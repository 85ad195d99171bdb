import SluiceGateway

/// One operation of the admin API. The table of all of them (`AdminEndpoint.all`) is what requests
/// are matched against and what docs/reference/admin-api.md and `/openapi.json` are made from.
struct AdminEndpoint: Sendable {
  typealias Handler =
    @Sendable (AdminRequest, AdminContext) async throws(AdminProblem) -> LocalAnswer

  enum Method: String, Sendable {
    case get = "GET"
    case post = "POST"
    case delete = "DELETE"
  }

  let method: Method
  /// Segments in braces stand for any one segment.
  let path: String
  /// One sentence.
  let summary: String
  var parameters: [AdminParameter] = []
  /// What the body is; nil when none is taken.
  var body: Body?
  let answers: [Answer]
  /// Load balancers ask for it, and they have no token.
  var isOpen = false
  /// Its handler is done in microseconds, and may run on the worker that was asked.
  var isQuick = false
  let handler: Handler

  struct Body: Sendable {
    static let usualBytes = 1 << 20

    let contentType: String
    let summary: String
    let isRequired: Bool
    /// A larger one gets 413 `body-too-large`.
    var maxBytes = usualBytes
  }

  struct Answer: Sendable {
    let status: Int
    let contentType: String
    let summary: String
    /// What it looks like, JSON; the schema in the OpenAPI file is made from it.
    let example: (@Sendable () -> AdminJSON)?

    static func json<Value: Encodable & Sendable>(
      _ status: Int = 200, _ summary: String, example: @autoclosure @escaping @Sendable () -> Value
    ) -> Answer {
      Answer(status: status, contentType: "application/json", summary: summary) {
        AdminJSON(encoding: example())
      }
    }

    static func text(_ status: Int = 200, _ summary: String) -> Answer {
      Answer(status: status, contentType: "text/plain", summary: summary, example: nil)
    }

    static func events(_ summary: String) -> Answer {
      Answer(status: 200, contentType: "text/event-stream", summary: summary, example: nil)
    }

    static func problem(_ code: AdminProblem.Code) -> Answer {
      Answer(
        status: code.status, contentType: "application/problem+json",
        summary: "`\(code.rawValue)`: \(code.title)", example: nil)
    }
  }

  /// Every operation, in the order of the page.
  static let all: [AdminEndpoint] =
    health + configuration + cache + drain + sessions + frames + revocations + jobs + events
    + [openAPI]

  var isStream: Bool { answers.contains { $0.contentType == "text/event-stream" } }

  /// A HEAD request gets the head of the answer to GET, but not of one without end.
  var allowsHead: Bool { method == .get && !isStream }
}

/// A part of the path or of the query.
struct AdminParameter: Sendable {
  enum Kind: Sendable {
    case text
    case sessionID
    case jobID
    case revocationID
    case integer(ClosedRange<Int>)
    case duration
    case addressRange
    /// `name:value`.
    case label
    case choice([String])
    case sort
    case cursor
  }

  let name: String
  let kind: Kind
  let summary: String
  var isInPath = false
  /// May be given several times.
  var isRepeated = false

  init(
    _ name: String, _ kind: Kind, _ summary: String, isInPath: Bool = false,
    isRepeated: Bool = false
  ) {
    self.name = name
    self.kind = kind
    self.summary = summary
    self.isInPath = isInPath
    self.isRepeated = isRepeated
  }
}
