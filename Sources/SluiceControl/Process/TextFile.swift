import Glibc
import SluiceConfiguration
public import SluiceReactor

/// Whole files of text, for configuration and what it refers to.
public enum TextFile {
  /// Beyond this nothing is a configuration.
  private static let limit = 64 << 20

  /// A value of the configuration, as `ConfigurationReader` wants it. Bytes that are no UTF-8 are refused: a
  /// secret with others in their place would be one that nobody has. In PEM they may stand between the blocks,
  /// where nobody reads them, and become U+FFFD; in a block they are an error of whoever decodes it.
  static func value(_ path: String) -> Result<String, TextProblem> {
    do throws(SystemError) {
      let bytes = try bytes(path)
      if let text = String(validating: bytes, as: UTF8.self) { return .success(text) }
      let text = String(decoding: bytes, as: UTF8.self)
      return text.utf8.contains("-----BEGIN ".utf8)
        ? .success(text) : .failure(TextProblem("it is no UTF-8 text"))
    } catch {
      return .failure(TextProblem(error.reason))
    }
  }

  /// Reads a file, or standard input for `-`. Bytes that are no UTF-8 become U+FFFD.
  public static func read(_ path: String) throws(SystemError) -> String {
    String(decoding: try bytes(path), as: UTF8.self)
  }

  private static func bytes(_ path: String) throws(SystemError) -> [UInt8] {
    let descriptor = path == "-" ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw SystemError(call: "open", code: errno) }
    defer { close(descriptor) }
    var content: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    while content.count <= limit {
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw SystemError(call: "read", code: errno) }
      if count == 0 { return content }
      content += chunk[..<count]
    }
    throw SystemError(call: "read", code: EFBIG)
  }
}
