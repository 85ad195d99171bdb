import COpenSSL

/// Something about TLS settings that an operator should know before they are used.
public struct TLSProblem: Sendable {
  public var error: TLSError
  /// It works, but hardly as meant.
  public var isWarning: Bool
}

extension TLSServerContext {
  /// Everything that is wrong, not only the first.
  public static func problems(_ settings: TLSServerSettings) -> [TLSProblem] {
    var problems: [TLSProblem] = []
    for (index, entry) in settings.certificates.enumerated() {
      let setting = "certificates[\(index)]"
      do throws(TLSError) {
        let certificate = try TLSCertificate(entry, setting: setting)
        if let reason = certificate.validityProblem {
          let error = TLSError("\(setting).certificate", reason)
          problems.append(TLSProblem(error: error, isWarning: true))
        }
        if entry.staple != nil, certificate.currentStaple == nil {
          let error = TLSError("\(setting).ocsp", "it is out of date and will not be stapled")
          problems.append(TLSProblem(error: error, isWarning: true))
        }
      } catch {
        problems.append(TLSProblem(error: error, isWarning: false))
      }
    }
    do throws(TLSError) {
      if let callers = settings.clientCertificates { _ = try TLSClientAuthority(callers) }
      // What only OpenSSL knows, such as a key that is too short for it.
      if problems.allSatisfy(\.isWarning) {
        _ = try TLSServerContext(settings, keys: TLSTicketKeys())
      }
    } catch {
      problems.append(TLSProblem(error: error, isWarning: false))
    }
    return problems
  }
}

extension TLSClientContext {
  public static func problems(_ settings: TLSClientSettings) -> [TLSProblem] {
    do throws(TLSError) {
      _ = try TLSClientContext(settings)
      return []
    } catch {
      return [TLSProblem(error: error, isWarning: false)]
    }
  }
}

extension TLSCertificate {
  /// A clause, when today is not within the certificate's time.
  fileprivate var validityProblem: String? {
    if X509_cmp_current_time(X509_get0_notAfter(leaf)) < 0 { return "it has expired" }
    if X509_cmp_current_time(X509_get0_notBefore(leaf)) > 0 { return "it is not valid yet" }
    return nil
  }
}
