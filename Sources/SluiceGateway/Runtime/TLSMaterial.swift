public import SluiceConfiguration
import SluiceReactor

/// The TLS of one configuration, read from its files on the control thread and shared by the workers.
struct TLSMaterial: Sendable {
  private(set) var listeners: [String: TLSServerContext] = [:]
  /// Of services with an `https` target.
  private(set) var services: [String: TLSClientContext] = [:]

  init() {}

  /// Reads every file again. What services use stays the same object where nothing has changed, so
  /// that their connections and sessions stay, too.
  init(
    _ configuration: Configuration, keys: TLSTicketKeys, former: TLSMaterial
  ) throws(Gateway.StartError) {
    for (name, listener) in configuration.listeners {
      guard let tls = listener.tls else { continue }
      do throws(TLSError) {
        var settings = TLSServerSettings(tls, listener: name)
        if listener.http2.enabled { settings.protocols.insert("h2", at: 0) }
        listeners[name] = try TLSServerContext(settings, keys: keys)
      } catch {
        throw .tls(owner: "listener \(name)", error: error)
      }
    }
    var made: [TLSClientSettings: TLSClientContext] = [:]
    for (name, service) in configuration.allServices {
      guard service.targets.contains(where: { TargetURL($0.url)?.isEncrypted == true }) else {
        continue
      }
      var settings = TLSClientSettings(service.tls ?? Configuration.ServiceTLS())
      settings.protocols = service.protocol.offered
      do throws(TLSError) {
        let context: TLSClientContext
        if let same = made[settings] {
          context = same
        } else {
          context = try TLSClientContext(settings)
        }
        made[settings] = context
        let old = former.services[name]
        services[name] = old?.digest == context.digest ? old : context
      } catch {
        throw .tls(owner: "service \(name)", error: error)
      }
    }
  }
}

extension TLSServerSettings {
  init(_ tls: Configuration.ListenerTLS, listener name: String) {
    self.init(
      certificates: tls.certificates.map {
        Certificate(certificate: $0.certificate, key: $0.key, staple: $0.ocsp, names: $0.names)
      })
    onlyTLS13 = tls.minVersion == .tls13
    hasTickets = tls.sessionTickets
    clientCertificates = tls.clientCertificates.map {
      ClientCertificates(isRequired: $0.mode == .require, authorities: $0.ca, revocations: $0.crl)
    }
    identity = name
  }
}

extension Configuration.TargetProtocol {
  /// What ALPN may agree on, the best first.
  fileprivate var offered: [String] {
    switch self {
    case .http1: ["http/1.1"]
    case .http2: ["h2"]
    case .auto: ["h2", "http/1.1"]
    }
  }
}

extension TLSClientSettings {
  init(_ tls: Configuration.ServiceTLS) {
    self.init()
    verifies = tls.verify
    authorities = tls.ca
    revocations = tls.crl
    certificate = tls.clientCertificate?.certificate
    key = tls.clientCertificate?.key
  }
}

/// What is wrong with the files that TLS settings name; for `ConfigurationReader`.
public enum TLSFiles {
  public static func findings(about question: TLSQuestion) -> [TLSFinding] {
    switch question {
    case .listener(let tls):
      TLSServerContext.problems(TLSServerSettings(tls, listener: "")).map(TLSFinding.init)
    case .service(let tls): TLSClientContext.problems(TLSClientSettings(tls)).map(TLSFinding.init)
    }
  }
}

extension TLSFinding {
  fileprivate init(_ problem: TLSProblem) {
    self.init(
      setting: problem.error.setting, reason: problem.error.reason, isWarning: problem.isWarning)
  }
}
