extension Configuration {
  /// Finds the consumer by the certificate that the caller has shown at the TLS handshake.
  public struct MTLSAuth: PolicySettings {
    /// Without a certificate nothing else is asked either.
    public var required = false
    /// Whether a certificate that is no consumer's is refused, or passed over.
    public var unknown = UnknownCertificate.refuse
    public init() {}
  }

  public enum UnknownCertificate: String, Codable, CaseIterable, Sendable {
    case refuse, ignore
  }

  /// What a consumer's certificate has; exactly one of these.
  public struct CertificateCredential: Codable, Equatable, Sendable {
    /// As RFC 2253 writes it: `CN=alice,O=Example`.
    public var subject: String?
    public var commonName: String?
    /// Subject alternative names.
    public var dns: String?
    public var uri: String?
    public var email: String?
    /// SHA-256 of the certificate in hexadecimal digits, with or without colons.
    public var fingerprint: String?
    public init() {}
  }
}

extension Configuration.MTLSAuth {
  public static let policyName = "mtls-auth"
  public static let stage = PolicyStage.identify

  public static let schema = Schema(
    "MTLSAuth", of: Self(),
    "Finds the consumer by the certificate that the caller showed at the TLS handshake and that the listener's `clientCertificates` verified; who has none or an unknown one gets 401. The trust, and with it a WebSocket session, ends when the certificate expires.",
    [
      Field(
        "required", .boolean,
        "Who shows no certificate is refused, even where another policy would find out who it is."),
      Field(
        "unknown", .choice(Configuration.UnknownCertificate.self),
        "What a certificate does that is no consumer's: `refuse`, or `ignore`, as if there was none."
      ),
    ])

  public static let example = """
    version: 1
    listeners:
      web:
        address: "127.0.0.1:8443"
        tls:
          certificates: [{certificate: server.pem, key: server.key}]
          clientCertificates: {ca: callers.pem, mode: require}
    services:
      time: {targets: ["http://127.0.0.1:9000"]}
    consumers:
      alice:
        credentials: [{mtls-auth: {uri: "spiffe://example.com/alice"}}]
    routes:
      time:
        match: {path: /time}
        service: time
        policies:
          mtls-auth: {}
    """

  public func check(_ check: inout PolicyCheck) {
    let asks = check.configuration.listeners.values.contains { $0.tls?.clientCertificates != nil }
    if asks { return }
    check.error(
      "no listener asks callers for certificates, so nobody can have one",
      hint: "set tls.clientCertificates of a listener")
  }
}

extension Configuration.CertificateCredential {
  static let schema = Schema(
    "CertificateCredential", of: Self(),
    "What a consumer's certificate has; exactly one. A fingerprint means one certificate, the others everything that the listener's authority issues.",
    [
      Field(
        "subject", .text(.entityReference),
        "Its whole subject as RFC 2253 writes it: `CN=alice,O=Example`."),
      Field("commonName", .text(.entityReference), "The first common name of its subject."),
      Field("dns", .text(.hostName), "A DNS name among its subject alternative names."),
      Field("uri", .text(.entityReference), "A URI there, such as a SPIFFE id."),
      Field("email", .text(.entityReference), "An e-mail address there."),
      Field(
        "fingerprint", .text(.entityReference),
        "SHA-256 of the certificate in hexadecimal digits, with or without colons."),
    ])

  /// The kinds that are set, with what certificates are compared with.
  public var uniqueValues: [(word: String, value: String)] {
    let all: [(String, String?)] = [
      ("subject", subject), ("commonName", commonName), ("dns", dns?.lowercased()), ("uri", uri),
      ("email", email), ("fingerprint", fingerprint.map(Self.digits)),
    ]
    return all.compactMap { word, value in value.map { (word: word, value: $0) } }
  }

  private static func digits(_ text: String) -> String {
    text.lowercased().filter { $0 != ":" }
  }

  /// A clause for people; nil when nothing is wrong.
  var problem: String? {
    if uniqueValues.count != 1 {
      return "must hold exactly one of subject, commonName, dns, uri, email and fingerprint"
    }
    if let fingerprint {
      let digits = Self.digits(fingerprint)
      if digits.count != 64 || !digits.allSatisfy(\.isHexDigit) {
        return
          "needs a fingerprint of 64 hexadecimal digits, as 'openssl x509 -fingerprint -sha256'"
          + " prints it"
      }
    }
    return nil
  }
}
