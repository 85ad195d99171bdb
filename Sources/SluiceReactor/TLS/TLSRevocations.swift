import COpenSSL

/// Lists of revoked certificates in a PEM file.
enum TLSRevocations {
  static func add(
    _ path: String, _ setting: String, to store: OpaquePointer
  ) throws(TLSError) {
    try TLSFile.open(path, setting) { (bio) throws(TLSError) in
      var count = 0
      while let list = PEM_read_bio_X509_CRL(bio, nil, refusePassphrase, nil) {
        X509_STORE_add_crl(store, list)
        X509_CRL_free(list)
        count += 1
      }
      if count == 0 { throw TLSError(setting, "it holds no revocation list in PEM form") }
    }
    // Every authority of a chain must have a list: a missing one must not let a revoked peer in.
    X509_STORE_set_flags(store, UInt(X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL))
  }
}
