public import SluiceConfiguration
import SluiceReactor

extension Configuration.MTLSAuth: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy {
    CompiledMTLSAuth(self, context.consumers.certificates)
  }
}

/// Finds the consumer by the certificate of the TLS handshake.
///
/// What a certificate is worth was decided there; here only whose it is, once for each certificate, and
/// whether it has expired since.
final class CompiledMTLSAuth: IdentifyPolicy {
  private enum Known {
    case identity(Identity)
    case refused(PolicyRefusal)
    case nobody
  }

  private let settings: Configuration.MTLSAuth
  private let certificates: CertificateDirectory
  /// By the certificates' fingerprints; callers can have as many as their authority gives them.
  private var known: [[UInt8]: Known] = [:]
  private let missing = PolicyRefusal(.unauthorized, detail: "No certificate was shown.")
  private let unknown = PolicyRefusal(.unauthorized, detail: "The certificate is no consumer's.")
  private let ambiguous = PolicyRefusal(
    .unauthorized, detail: "The certificate has the names of different consumers.")
  private let expired = PolicyRefusal(.unauthorized, detail: "The certificate has expired.")

  private static let maxKnown = 4_096

  init(_ settings: Configuration.MTLSAuth, _ certificates: CertificateDirectory) {
    self.settings = settings
    self.certificates = certificates
  }

  override func identify(_ exchange: Exchange) -> IdentifyOutcome {
    guard let certificate = exchange.clientCertificate else {
      return settings.required ? .refused(missing) : .absent
    }
    let now = exchange.worker.wallClock(now: exchange.loop.now).seconds
    if certificate.notAfter <= now { return .refused(expired) }
    switch known[certificate.fingerprint] ?? learn(certificate) {
    case .identity(let identity): return .known(identity)
    case .refused(let refusal): return .refused(refusal)
    case .nobody: return settings.required ? .refused(unknown) : .absent
    }
  }

  private func learn(_ certificate: TLSClientCertificate) -> Known {
    let found: Known =
      switch certificates.find(certificate) {
      case .known(let identity): .identity(identity.ending(by: certificate.notAfter))
      case .ambiguous: .refused(ambiguous)
      case .unknown: settings.unknown == .refuse ? .refused(unknown) : .nobody
      }
    if known.count >= Self.maxKnown { known.removeAll(keepingCapacity: true) }
    known[certificate.fingerprint] = found
    return found
  }
}
