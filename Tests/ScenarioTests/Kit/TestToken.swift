import COpenSSL
import Foundation
import SluiceConfiguration

/// Tokens that a test signs itself, with HS256.
enum TestToken {
  static let secret = "0123456789abcdef0123456789abcdef"

  /// `claims` are members of a JSON object; `exp` is so many seconds from now, an hour unless given.
  static func make(
    subject: String = "alice", id: String? = nil, expiresIn seconds: Double? = nil,
    claims: [String: String] = [:], header: String = "{\"alg\":\"HS256\"}",
    secret: String = Self.secret
  ) -> String {
    var members = claims.map { "\"\($0)\":\"\($1)\"" }.sorted()
    members.append("\"sub\":\"\(subject)\"")
    if let id { members.append("\"jti\":\"\(id)\"") }
    let end = Date().timeIntervalSince1970 + (seconds ?? 3_600)
    members.append("\"exp\":\(Int(end.rounded(.up)))")
    let signed =
      encoded(Array(header.utf8)) + "."
      + encoded(Array("{\(members.joined(separator: ","))}".utf8))
    return signed + "." + encoded(code(of: Array(signed.utf8), secret))
  }

  static func bearer(
    subject: String = "alice", id: String? = nil, expiresIn seconds: Double? = nil,
    claims: [String: String] = [:]
  ) -> String {
    let token = make(subject: subject, id: id, expiresIn: seconds, claims: claims)
    return "Authorization: Bearer \(token)"
  }

  /// Names the consumer by `sub` and the groups by `roles`.
  static var policy: Configuration.JWT {
    var settings = Configuration.JWT()
    var key = Configuration.JWTKey()
    key.algorithm = .hs256
    key.secret = Secret(secret)
    settings.keys = [key]
    settings.claims.consumer = "sub"
    settings.claims.groups = "roles"
    return settings
  }

  /// HMAC with SHA-256.
  static func code(of bytes: [UInt8], _ secret: String) -> [UInt8] {
    var output = [UInt8](repeating: 0, count: 32)
    var count: UInt32 = 32
    let key = Array(secret.utf8)
    _ = HMAC(EVP_sha256(), key, Int32(key.count), bytes, bytes.count, &output, &count)
    return output
  }

  private static func encoded(_ bytes: [UInt8]) -> String {
    Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
      .replacing("=", with: "")
  }
}

extension Configuration.Consumer {
  init(keys: [String], groups: [String] = []) {
    self.init()
    self.groups = groups
    credentials = keys.map { key in
      var credential = Configuration.Credential()
      credential.keyAuth = Configuration.KeyCredential(key: key)
      return credential
    }
  }
}
