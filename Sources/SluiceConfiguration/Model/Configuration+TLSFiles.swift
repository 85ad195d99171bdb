extension Configuration {
  /// The files of certificates, keys, authorities and lists that the configuration names; text that
  /// stands in it is none.
  public var tlsFiles: Set<String> {
    var settings: [String?] = []
    for tls in listeners.values.compactMap(\.tls) {
      for one in tls.certificates { settings += [one.certificate, one.key, one.ocsp] }
      settings += [tls.clientCertificates?.ca, tls.clientCertificates?.crl]
    }
    for (_, service) in allServices {
      guard let tls = service.tls else { continue }
      settings += [
        tls.ca, tls.crl, tls.clientCertificate?.certificate, tls.clientCertificate?.key,
      ]
    }
    return Set(settings.compactMap { $0 }.filter { !$0.isEmpty && !PEMText.isText($0) })
  }
}
