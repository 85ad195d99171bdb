/// Answers exchanges inside the process: the admin API, samples. Called on a worker's thread; what
/// takes long belongs elsewhere.
public protocol LocalResponder: Sendable {
  /// The largest body that is taken of this request; a larger one is answered with 413. Asked before
  /// anything of the body is kept, so that who calls can decide: the request has no body yet.
  func maxBodyBytes(of request: LocalRequest) -> Int

  /// What the large ones among its bodies have room in, all of them together; nil when `maxBodyBytes` of each is
  /// bound enough.
  var bodyBudget: LocalBodyBudget? { get }

  func answer(_ request: LocalRequest) async -> LocalAnswer
}

extension LocalResponder {
  /// No body at all.
  public func maxBodyBytes(of request: LocalRequest) -> Int { 0 }
  public var bodyBudget: LocalBodyBudget? { nil }
}

/// What a local responder sees of a request.
public struct LocalRequest: Sendable {
  public let method: String
  /// Host and port as the client wrote them; nil without them, and over Unix sockets.
  public let host: String?
  /// Normalised, and not decoded otherwise.
  public let path: String
  public let query: String?
  public let fields: [(name: String, value: String)]
  public let body: [UInt8]
  /// Of the budget, for as long as anybody has this request: keep the request, not its body alone.
  var bodyShare: LocalBodyShare?

  public init(
    method: String, host: String? = nil, path: String, query: String? = nil,
    fields: [(name: String, value: String)] = [], body: [UInt8] = []
  ) {
    self.method = method
    self.host = host
    self.path = path
    self.query = query
    self.fields = fields
    self.body = body
  }

  /// The value of the first field of this name, written in lower case here.
  public func field(_ name: String) -> String? {
    fields.first { $0.name.lowercased() == name }?.value
  }
}
