extension Configuration {
  /// How a listener speaks TLS: Mozilla's intermediate profile, or its modern one with `minVersion`.
  public struct ListenerTLS: Codable, Equatable, Sendable {
    /// The first serves callers who name nobody or nobody known.
    public var certificates: [Certificate] = []
    public var minVersion = TLSVersion.tls12
    /// Whether callers may resume sessions by tickets; their keys change every four hours.
    public var sessionTickets = true
    public var clientCertificates: ClientCertificates?
    public init() {}
  }

  public enum TLSVersion: String, Codable, CaseIterable, Sendable {
    case tls12 = "1.2"
    case tls13 = "1.3"
  }

  /// Paths of PEM files, or PEM text.
  public struct Certificate: Codable, Equatable, Sendable {
    /// The certificate, then those that lead to its authority.
    public var certificate = ""
    public var key = ""
    /// An OCSP response (DER) to staple.
    public var ocsp: String?
    /// What callers ask for, in the place of the names in the certificate.
    public var names: [String] = []
    public init() {}

    /// Text of a certificate or key is not shown.
    public func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(PEMText.shown(certificate), forKey: .certificate)
      try container.encode(PEMText.shown(key), forKey: .key)
      try container.encodeIfPresent(ocsp, forKey: .ocsp)
      try container.encode(names, forKey: .names)
    }
  }

  public struct ClientCertificates: Codable, Equatable, Sendable {
    public enum Mode: String, Codable, CaseIterable, Sendable { case request, require }
    public var mode = Mode.require
    public var ca = ""
    public var crl: String?
    public init() {}
  }

  /// Answers every request with the same URL under https.
  public struct RedirectToHTTPS: Codable, Equatable, Sendable {
    /// The port that callers are sent to.
    public var port = 443
    public init() {}
  }

  /// How a service's `https` targets are spoken to.
  public struct ServiceTLS: Codable, Equatable, Sendable {
    /// PEM authorities; the system's unless set.
    public var ca: String?
    public var crl: String?
    public var verify = true
    /// The name to ask for and to verify; the target's host unless set.
    public var serverName: String?
    public var clientCertificate: ClientIdentity?
    public init() {}
  }

  /// What the gateway shows to targets that ask; paths of PEM files, or PEM text.
  public struct ClientIdentity: Codable, Equatable, Sendable {
    public var certificate = ""
    public var key = ""
    public init() {}

    /// Text of a certificate or key is not shown.
    public func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(PEMText.shown(certificate), forKey: .certificate)
      try container.encode(PEMText.shown(key), forKey: .key)
    }
  }
}

// MARK: Tables

extension Configuration.ListenerTLS {
  static let schema = Schema(
    "ListenerTLS", of: Self(),
    "TLS as in Mozilla's intermediate profile; with `minVersion` 1.3 as in its modern one.",
    [
      Field(
        "certificates", .list(of: .object(Configuration.Certificate.schema), atLeast: 1),
        "Certificates, picked by the name that a caller asks for and by what it can; the first "
          + "serves all others.", isRequired: true),
      Field("minVersion", .choice(Configuration.TLSVersion.self), "The oldest version of TLS."),
      Field(
        "sessionTickets", .boolean,
        "Whether callers may resume sessions; the keys change every four hours."),
      Field(
        "clientCertificates", .object(Configuration.ClientCertificates.schema),
        "Whether callers have to show a certificate; they are not asked unless this is set."),
    ])
}

extension Configuration.Certificate {
  static let schema = Schema(
    "Certificate", of: Self(),
    "Files of one certificate, which are read again when they have changed, and by every reload. A setting that begins with `-----BEGIN` is the PEM itself, such as `${env:TLS_KEY}` brings it.",
    [
      Field(
        "certificate", .text(.pem),
        "PEM: the certificate, then those that lead to its authority.", isRequired: true),
      Field("key", .text(.pem), "PEM: its private key, without a passphrase.", isRequired: true),
      Field(
        "ocsp", .text(.file),
        "DER: an OCSP response to staple, until its `nextUpdate` has passed."),
      Field(
        "names", .list(of: .text(.certificateName)),
        "The names that callers ask for when this one serves them, `*.` for one label; those in the certificate unless set."
      ),
    ])
}

extension Configuration.ClientCertificates {
  static let schema = Schema(
    "ClientCertificates", of: Self(), "Certificates of callers. One that is shown has to be valid.",
    [
      Field("mode", .choice(Mode.self), "Whether callers may go without."),
      Field("ca", .text(.pem), "PEM: the authorities that vouch for callers.", isRequired: true),
      Field(
        "crl", .text(.pem),
        "PEM: lists of revoked certificates, one for every authority in a caller's chain."),
    ])
}

extension Configuration.RedirectToHTTPS {
  static let schema = Schema(
    "RedirectToHTTPS", of: Self(), "Answers every request with 308 and its URL under https.",
    [Field("port", .integer(1...65_535), "The port that callers are sent to.")])
}

extension Configuration.ServiceTLS {
  static let schema = Schema(
    "ServiceTLS", of: Self(), "How `https` targets are spoken to.",
    [
      Field(
        "ca", .text(.pem), "PEM: who vouches for targets; the system's authorities unless set."),
      Field(
        "crl", .text(.pem),
        "PEM: lists of revoked certificates, one for every authority in a target's chain; with `ca`."
      ),
      Field("verify", .boolean, "Whether a target has to prove that it has its name."),
      Field(
        "serverName", .text(.hostName),
        "The name to ask for and to verify; the target's host unless set."),
      Field(
        "clientCertificate", .object(Configuration.ClientIdentity.schema),
        "What the gateway shows to targets that ask."),
    ])
}

extension Configuration.ClientIdentity {
  static let schema = Schema(
    "ClientIdentity", of: Self(),
    "Files of the gateway's own certificate, or the PEM itself.",
    [
      Field(
        "certificate", .text(.pem),
        "PEM: the certificate, then those that lead to its authority.", isRequired: true),
      Field("key", .text(.pem), "PEM: its private key, without a passphrase.", isRequired: true),
    ])
}
