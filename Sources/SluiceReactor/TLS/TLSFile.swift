import COpenSSL
import Glibc

/// Reading the files that TLS settings name, or the PEM that stands in the place of a path.
enum TLSFile {
  /// A system's bundle of authorities has some hundred KiB; lists of revocations may be larger.
  private static let limit = 64 << 20

  /// Calls `body` with the whole file, whose memory is overwritten afterwards.
  static func read<R>(
    _ path: String, _ setting: String, _ body: (UnsafeRawBufferPointer) throws(TLSError) -> R
  ) throws(TLSError) -> R {
    if path.hasPrefix("-----BEGIN ") {
      var bytes = Array(path.utf8)
      // The string itself is as long-lived as the configuration; this copy need not be.
      defer { bytes.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) } }
      return try read(bytes, body)
    }
    let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw unreadable(setting, errno) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw unreadable(setting, errno) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw TLSError(setting, "it is no file") }
    guard status.st_size <= limit else { throw unreadable(setting, EFBIG) }
    let buffer = UnsafeMutableRawBufferPointer.allocate(
      byteCount: max(1, Int(status.st_size)), alignment: 16)
    defer {
      OPENSSL_cleanse(buffer.baseAddress, buffer.count)
      buffer.deallocate()
    }
    var count = 0
    while count < Int(status.st_size) {
      let read = Glibc.read(
        descriptor, buffer.baseAddress.unsafelyUnwrapped + count, Int(status.st_size) - count)
      if read < 0 && errno == EINTR { continue }
      guard read >= 0 else { throw unreadable(setting, errno) }
      if read == 0 { break }
      count += read
    }
    return try body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
  }

  private static func read<R>(
    _ bytes: [UInt8], _ body: (UnsafeRawBufferPointer) throws(TLSError) -> R
  ) throws(TLSError) -> R {
    let result: Result<R, TLSError> = bytes.withUnsafeBytes { buffer in
      do throws(TLSError) { return .success(try body(buffer)) } catch { return .failure(error) }
    }
    return try result.get()
  }

  private static func unreadable(_ setting: String, _ code: Int32) -> TLSError {
    TLSError(setting, "it can't be read: \(String(cString: strerror(code)))")
  }

  /// Calls `body` with a BIO over the file.
  static func open<R>(
    _ path: String, _ setting: String, _ body: (OpaquePointer) throws(TLSError) -> R
  ) throws(TLSError) -> R {
    try read(path, setting) { (bytes) throws(TLSError) -> R in
      guard let bio = BIO_new_mem_buf(bytes.baseAddress, Int32(clamping: bytes.count)) else {
        throw TLSError(setting, "no memory")
      }
      defer { BIO_free(bio) }
      ERR_clear_error()
      defer { ERR_clear_error() }
      return try body(bio)
    }
  }

  /// The PEM certificates of a file, at least one, each owned by the caller.
  static func certificates(
    _ path: String, _ setting: String
  ) throws(TLSError) -> [OpaquePointer] {
    try open(path, setting) { (bio) throws(TLSError) -> [OpaquePointer] in
      var certificates: [OpaquePointer] = []
      while let certificate = PEM_read_bio_X509(bio, nil, refusePassphrase, nil) {
        certificates.append(certificate)
      }
      let isAtEnd =
        copenssl_is_reason(ERR_peek_last_error(), ERR_LIB_PEM, PEM_R_NO_START_LINE) != 0
      if certificates.isEmpty || !isAtEnd {
        for certificate in certificates { X509_free(certificate) }
        throw TLSError(
          setting,
          isAtEnd ? "it holds no certificate in PEM form" : "a certificate in it is damaged")
      }
      return certificates
    }
  }
}

/// Answers OpenSSL's question for a passphrase, which would otherwise go to the terminal.
func refusePassphrase(
  _ buffer: UnsafeMutablePointer<CChar>?, _ size: Int32, _ isWriting: Int32,
  _ argument: UnsafeMutableRawPointer?
) -> Int32 { -1 }
