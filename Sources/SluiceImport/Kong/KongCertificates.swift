import SluiceConfiguration

/// A certificate of Kong's file with its key, as settings of TLS have it: PEM text or a reference to it.
struct KongCertificate {
  let object: KongObject
  let certificate: DocumentNode
  let key: DocumentNode
  /// Those of another kind for the same names.
  var alternative: (certificate: DocumentNode, key: DocumentNode)?
  /// The names that Kong shows it for.
  var names: [(text: String, origin: Origin)] = []
  /// Whether a service shows it to its targets.
  var isShownToTargets = false

  /// Shown to callers that name nobody known, too.
  var isForAll: Bool { names.contains { $0.text == "*" } }
}

/// Who vouches for targets.
struct KongAuthority {
  let object: KongObject
  let text: KongText
  var isUsed = false
}

extension KongConversion {
  /// Kong's own port for TLS.
  static let tlsListener = "proxy-tls"

  /// Whether callers can come by TLS: some certificate is for their names.
  var hasTLS: Bool { certificates.contains { !$0.names.isEmpty } }

  mutating func readCertificates() {
    for entity in kong["certificates"] {
      let object = entity.object
      object.skip("id", "tags", "created_at", "updated_at", "snis")
      let certificate = pem("cert", of: object)?.node
      let key = pem("key", of: object)?.node
      let other = pem("cert_alt", of: object)?.node
      let otherKey = pem("key_alt", of: object)?.node
      object.finish()
      guard let certificate, let key, (other == nil) == (otherKey == nil) else {
        let hasAll =
          object.has("cert") && object.has("key") && object.has("cert_alt") == object.has("key_alt")
        if !hasAll {
          report.error(
            "\(object.title): it needs cert and key, and cert_alt with key_alt", at: object.origin)
        }
        continue
      }
      for key in kong.keys(of: object) where certificateIndex[key] == nil {
        certificateIndex[key] = certificates.count
      }
      var read = KongCertificate(object: object, certificate: certificate, key: key)
      if let other, let otherKey { read.alternative = (other, otherKey) }
      certificates.append(read)
    }
    readNames()
    for entity in kong["ca_certificates"] {
      let object = entity.object
      object.skip("id", "tags", "created_at", "updated_at", "cert_digest")
      let text = pem("cert", of: object)
      object.finish()
      guard let text else {
        if !object.has("cert") {
          report.error("\(object.title): it has no cert", at: object.origin)
        }
        continue
      }
      for key in kong.keys(of: object) where authorityIndex[key] == nil {
        authorityIndex[key] = authorities.count
      }
      authorities.append(KongAuthority(object: object, text: text))
    }
  }

  /// PEM text, or a reference; a path is what it would be in a Sluice file, and Kong reads no files.
  private func pem(_ key: String, of object: KongObject) -> KongText? {
    guard var text = object.text(key) else { return nil }
    if text.isReference { return text }
    text.text = String(text.text.drop { $0.isWhitespace })
    if PEMText.isText(text.text) { return text }
    report.error("\(object.title): \(key) is no PEM text", at: object.origin(of: key))
    return nil
  }

  private mutating func readNames() {
    for entity in kong["snis"] {
      let object = entity.object
      object.skip("id", "tags", "created_at", "updated_at")
      let name = object.text("name")
      let parent = entity.parent("certificate")
      object.finish()
      guard let name, !name.isReference else {
        report.error("\(object.title): it needs a name", at: object.origin)
        continue
      }
      guard let place = parent.flatMap({ certificateIndex[$0.name] }) else {
        report.error(
          "\(object.title): there is no such certificate", at: parent?.origin ?? object.origin,
          hint: "certificate is the id of one in certificates")
        continue
      }
      if name.text.hasSuffix(".*") {
        report.error(
          "\(object.title): a certificate can't be for names that end in a wildcard",
          at: name.origin, hint: "write the names")
        continue
      }
      certificates[place].names.append((name.text.lowercased(), name.origin))
    }
  }

  /// What nobody refers to is said when all is read.
  func reportUnusedCertificates() {
    for certificate in certificates
    where certificate.names.isEmpty && !certificate.isShownToTargets {
      report.warning(
        "\(certificate.object.title): no SNI names it, so that Kong shows it to nobody, and neither "
          + "does this", at: certificate.object.origin)
    }
    for authority in authorities where !authority.isUsed {
      report.warning(
        "\(authority.object.title): no service names it in ca_certificates, so that it is not used",
        at: authority.object.origin)
    }
  }

  /// The listener for callers by TLS; nil without certificates for them.
  func tlsListenerNode() -> DocumentNode? {
    let shown = certificates.filter { !$0.names.isEmpty }
    guard let first = shown.first(where: \.isForAll) ?? shown.first else { return nil }
    if !shown.contains(where: \.isForAll) {
      report.warning(
        "\(first.object.title): callers that name nobody known get it here, and in Kong its own "
          + "certificate that nobody vouches for", at: first.object.origin)
    }
    var nodes: [DocumentNode] = []
    for certificate in shown.filter(\.isForAll) + shown.filter({ !$0.isForAll }) {
      let names = certificate.names.filter { $0.text != "*" }
      for (text, key) in [(certificate.certificate, certificate.key)]
        + (certificate.alternative.map { [($0.certificate, $0.key)] } ?? [])
      {
        var node = DocumentNode.map(
          [.init("certificate", text), .init("key", key)], origin: certificate.object.origin)
        if !names.isEmpty {
          node.add("names", .list(names.map { .text($0.text, origin: $0.origin) }))
        }
        nodes.append(node)
      }
    }
    return .map([
      .init("address", .text("0.0.0.0:8443")),
      .init("tls", .map([.init("certificates", .list(nodes))])),
    ])
  }

  // MARK: Of services

  /// What a service shows to targets that ask.
  mutating func clientIdentity(_ object: KongObject) -> DocumentNode? {
    guard let reference = object.reference("client_certificate") else { return nil }
    guard let place = certificateIndex[reference.name] else {
      report.error(
        "\(object.title): there is no certificate '\(KongText.shown(reference.name))'",
        at: reference.origin, hint: "client_certificate is the id of one in certificates")
      return nil
    }
    certificates[place].isShownToTargets = true
    return .map(
      [
        .init("certificate", certificates[place].certificate),
        .init("key", certificates[place].key),
      ], origin: reference.origin)
  }

  /// Who vouches for a service's targets; nil for the system's authorities.
  mutating func authorityText(_ object: KongObject) -> DocumentNode? {
    guard let names = object.strings("ca_certificates"), !names.isEmpty else { return nil }
    var text = ""
    for name in names {
      guard let place = authorityIndex[name.text] else {
        report.error(
          "\(object.title): there is no authority '\(KongText.shown(name.text))'", at: name.origin,
          hint: "ca_certificates are ids of those at the top of the file")
        continue
      }
      authorities[place].isUsed = true
      let authority = authorities[place].text
      let piece =
        authority.variable.map { "${env:\($0)}" }
        ?? DocumentWriter.escapingEvery(authority.text)
      text += piece.hasSuffix("\n") ? piece : piece + "\n"
    }
    return .template(text, origin: object.origin(of: "ca_certificates"))
  }
}
