import Glibc
public import SluiceReactor

/// Whole files of text, for configuration and what it refers to.
public enum TextFile {
  /// Beyond this nothing is a configuration.
  private static let limit = 64 << 20

  /// Reads a file, or standard input for `-`. Bytes that are no UTF-8 become U+FFFD.
  public static func read(_ path: String) throws(SystemError) -> String {
    let descriptor = path == "-" ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw SystemError(call: "open", code: errno) }
    defer { close(descriptor) }
    var content: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    while content.count <= limit {
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw SystemError(call: "read", code: errno) }
      if count == 0 { return String(decoding: content, as: UTF8.self) }
      content += chunk[..<count]
    }
    throw SystemError(call: "read", code: EFBIG)
  }
}
