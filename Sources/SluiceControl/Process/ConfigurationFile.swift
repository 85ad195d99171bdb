import Glibc
public import SluiceConfiguration
import SluiceGateway
public import SluiceReactor

/// A configuration file with this process's environment and files behind its references.
public struct ConfigurationFile: Sendable {
  /// `-` is standard input.
  public let path: String

  public init(_ path: String) { self.path = path }

  /// Reads it, now; throws only when the file itself can't be read.
  public func read() throws(SystemError) -> ReadResult {
    Self.read(text: try TextFile.read(path), file: path == "-" ? "<standard input>" : path)
  }

  /// Reads a text as if it were in `file`.
  public static func read(text: String, file: String) -> ReadResult {
    ConfigurationReader.read(
      contentsOf: text, file: file, environment: environment(),
      readFile: { try? TextFile.read($0) }, regexCheck: RegexSyntax.problem(in:),
      tlsCheck: TLSFiles.findings(about:))
  }

  private static func environment() -> [String: String] {
    var result: [String: String] = [:]
    var entry = environ
    while let text = entry.pointee {
      let line = String(cString: text)
      if let equals = line.firstIndex(of: "=") {
        result[String(line[..<equals])] = String(line[line.index(after: equals)...])
      }
      entry += 1
    }
    return result
  }
}
