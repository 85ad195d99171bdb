/// What the reader asks about the files that TLS settings name: it does not look itself.
public enum TLSQuestion: Sendable {
  case listener(Configuration.ListenerTLS)
  case service(Configuration.ServiceTLS)
}

/// What is wrong with such a file.
public struct TLSFinding: Equatable, Sendable {
  /// Below `tls`: `certificates[0].key`.
  public var setting: String
  /// A clause about the file; shows nothing of its content.
  public var reason: String
  /// It works, but hardly as meant.
  public var isWarning: Bool

  public init(setting: String, reason: String, isWarning: Bool = false) {
    self.setting = setting
    self.reason = reason
    self.isWarning = isWarning
  }
}

extension ConfigurationValidator {
  mutating func checkTLS(_ listener: Configuration.Listener, _ node: SourceNode, name: String) {
    if listener.tls != nil, let redirect = node.entry("redirectToHTTPS") {
      diagnostics.error(
        "listeners.\(name).redirectToHTTPS is for a listener without 'tls'",
        at: redirect.keyPosition, hint: "put it on the listener of plain HTTP")
    }
    guard let tls = listener.tls, let place = node["tls"], diagnostics.isSound(place) else {
      return
    }
    report(tlsCheck(.listener(tls)), place, owner: "listeners.\(name).tls")
  }

  mutating func checkTLS(_ service: Configuration.Service, _ node: SourceNode, name: String) {
    guard let entry = node.entry("tls"), let tls = service.tls, diagnostics.isSound(entry.value)
    else { return }
    guard diagnostics.isSound(node["targets"]) else { return }
    if !service.targets.contains(where: { TargetURL($0.url)?.isEncrypted == true }) {
      diagnostics.error(
        "services.\(name).tls has no effect: no target is https", at: entry.keyPosition,
        hint: "write the targets as https://host, or remove tls")
    }
    if tls.crl != nil, let crl = entry.value.entry("crl"), tls.ca == nil || !tls.verify {
      diagnostics.error(
        "services.\(name).tls.crl needs 'ca' and verification: nothing else asks for it",
        at: crl.keyPosition, hint: "set ca to the authority that has revoked them")
    }
    if !tls.verify {
      let place = entry.value["verify"] ?? entry.value
      diagnostics.warning(
        "services.\(name).tls.verify: whoever gets between the gateway and its targets can read "
          + "and change everything",
        at: place.position, hint: "set ca to the authority that vouches for the targets")
    }
    report(tlsCheck(.service(tls)), entry.value, owner: "services.\(name).tls")
  }

  private mutating func report(_ findings: [TLSFinding], _ node: SourceNode, owner: String) {
    for finding in findings {
      let place = Self.node(at: finding.setting, in: node) ?? node
      let message = "\(owner).\(finding.setting): \(place.shown): \(finding.reason)"
      if finding.isWarning {
        diagnostics.warning(message, at: place.position)
      } else {
        diagnostics.error(message, at: place.position)
      }
    }
  }

  /// Follows `certificates[0].key`.
  private static func node(at setting: String, in node: SourceNode) -> SourceNode? {
    var current: SourceNode? = node
    for step in setting.split(separator: ".") {
      let parts = step.split(whereSeparator: { $0 == "[" || $0 == "]" })
      current = current?[String(parts[0])]
      if parts.count > 1, let index = Int(parts[1]) {
        guard let elements = current?.elements, elements.indices.contains(index) else { return nil }
        current = elements[index]
      }
    }
    return current
  }
}
