import Foundation
public import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// Asks a running gateway's admin API, blocking; for the commands.
public struct AdminClient: Sendable {
  public static let defaultAddress = "http://127.0.0.1:9901"

  public enum Failure: Error, CustomStringConvertible {
    case address(String)
    case notReachable(address: String, reason: String)
    /// Something answered, but no admin API.
    case notUnderstood(address: String)
    case refused(AdminRefusal)

    public var description: String {
      switch self {
      case .address(let text):
        "'\(text)' is no address of an admin API; write \(defaultAddress) or unix:/path"
      case .notReachable(let address, let reason):
        "can't reach the admin API at \(address): \(reason)\n"
          + "  hint: is the gateway running, and does its configuration have 'admin'? Another address"
          + " is given by --admin or SLUICE_ADMIN"
      case .notUnderstood(let address):
        "what answers at \(address) is not the admin API of a gateway of this version"
      case .refused(let refusal): refusal.description
      }
    }
  }

  /// What is wrong with the form of an address; nil when nothing is. Asks nobody.
  public static func problem(withAddress text: String) -> String? {
    AdminAddress(text) == nil ? Failure.address(text).description : nil
  }

  private let address: String
  private let token: String?

  public init(address: String, token: String?) {
    self.address = address
    self.token = token
  }

  /// Asks, and decodes the answer; anything but 2xx is a failure.
  func get<Answer: Decodable>(
    _ path: String, _ query: [(String, String)] = [], as type: Answer.Type
  ) throws(Failure) -> Answer {
    try decode(try request("GET", path, query), as: type)
  }

  func send<Answer: Decodable>(
    _ method: String, _ path: String, _ query: [(String, String)] = [], body: [UInt8] = [],
    contentType: String? = nil, as type: Answer.Type
  ) throws(Failure) -> Answer {
    try decode(
      try request(method, path, query, body: body, contentType: contentType), as: type)
  }

  private func decode<Answer: Decodable>(
    _ body: [UInt8], as type: Answer.Type
  ) throws(Failure) -> Answer {
    do {
      return try JSONDecoder().decode(type, from: Data(body))
    } catch {
      throw .notUnderstood(address: address)
    }
  }

  /// The answer's body as it is.
  public func request(
    _ method: String, _ path: String, _ query: [(String, String)] = [], body: [UInt8] = [],
    contentType: String? = nil
  ) throws(Failure) -> [UInt8] {
    let connection = try connect()
    try connection.send(
      head(method, path, query, bodyCount: body.count, contentType: contentType) + body)
    let response = try connection.receive()
    try check(response)
    return response.body
  }

  private func check(_ response: AdminConnection.Response) throws(Failure) {
    if (200..<300).contains(response.status) { return }
    guard let refusal = AdminRefusal(status: response.status, body: response.body) else {
      throw .notUnderstood(address: address)
    }
    throw .refused(refusal)
  }

  /// Hands out server-sent events as they come, until the stream ends or `take` answers false.
  func events(
    _ path: String, _ query: [(String, String)], _ take: (ServerSentEvent.Received) -> Bool
  ) throws(Failure) {
    let connection = try connect()
    try connection.send(head("GET", path, query, bodyCount: 0, contentType: nil))
    let (status, framing) = try connection.receiveHead()
    var body: [UInt8] = []
    var reader = ServerSentEvent.Reader()
    try connection.receiveBody(framing) { piece in
      if status != 200 {
        body += piece
        return body.count <= Self.maxRefusalBytes
      }
      return reader.read(piece).allSatisfy(take)
    }
    if status != 200 { try check(.init(status: status, body: body)) }
  }

  private static let maxRefusalBytes = 1 << 20

  private func connect() throws(Failure) -> AdminConnection {
    guard let place = AdminAddress(address) else { throw .address(address) }
    return try AdminConnection(to: place)
  }

  private func head(
    _ method: String, _ path: String, _ query: [(String, String)], bodyCount: Int,
    contentType: String?
  ) -> [UInt8] {
    let parameters = query.map { "\(Self.encoded($0.0))=\(Self.encoded($0.1))" }
    let target = parameters.isEmpty ? path : "\(path)?\(parameters.joined(separator: "&"))"
    var fields = [
      "\(method) \(target) HTTP/1.1", "Host: \(AdminAddress(address)?.host ?? "localhost")",
      "Connection: close", "User-Agent: sluice/\(SluiceVersion.current)",
    ]
    if bodyCount > 0 || method == "POST" { fields.append("Content-Length: \(bodyCount)") }
    if let contentType { fields.append("Content-Type: \(contentType)") }
    if let token { fields.append("Authorization: Bearer \(token)") }
    return Array((fields.joined(separator: "\r\n") + "\r\n\r\n").utf8)
  }

  /// RFC 3986 2.3: everything but unreserved characters is escaped.
  static func encoded(_ text: String) -> String {
    text.utf8.map { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
        String(UnicodeScalar(byte))
      default: "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
      }
    }.joined()
  }
}

/// What the admin API says when it refuses.
public struct AdminRefusal: Sendable, CustomStringConvertible {
  public let status: Int
  public let code: String
  public let title: String
  public let detail: String?
  /// About the configuration that was sent, one a line.
  public let diagnostics: [Diagnostic]

  private struct Content: Decodable {
    var code: String
    var title: String
    var detail: String?
    var diagnostics: [DiagnosticContent]?
  }

  init?(status: Int, body: [UInt8]) {
    guard let content = try? JSONDecoder().decode(Content.self, from: Data(body)) else {
      return nil
    }
    self.status = status
    code = content.code
    title = content.title
    detail = content.detail
    diagnostics = (content.diagnostics ?? []).map(\.diagnostic)
  }

  public var description: String {
    let hint =
      code == AdminProblem.Code.unauthorized.rawValue
      ? "\n  hint: put the token into SLUICE_ADMIN_TOKEN" : ""
    return "the gateway refused: \(title)" + (detail.map { " \($0)" } ?? "") + hint
  }
}

extension DiagnosticContent {
  var diagnostic: Diagnostic {
    Diagnostic(
      severity: Diagnostic.Severity(rawValue: severity) ?? .error, file: file, line: line,
      column: column, message: message, hint: hint)
  }
}
