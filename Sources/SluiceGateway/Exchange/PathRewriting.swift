import SluiceConfiguration
import SluiceWire

extension CompiledRoute.Rewrite {
  init(_ settings: Configuration.PathRewrite) {
    if settings.stripPrefix {
      self = .strip
    } else if let replacement = settings.replacePrefix {
      self = .replace(Array(replacement.utf8))
    } else {
      self = .none
    }
  }

  /// Appends what a target gets of `path`, whose first `matched` bytes the route matched.
  func append(_ path: Span<UInt8>, matched: Int, to output: inout ByteBuffer) {
    switch self {
    case .none: output.append(path)
    case .strip:
      let rest = path.extracting(matched...)
      if rest.isEmpty || rest[0] != 0x2F { output.append(0x2F) }
      output.append(rest)
    case .replace(let prefix):
      output.append(prefix)
      let rest = path.extracting(matched...)
      // "/new" + "" stays "/new"; "/" + "/x" must not become "//x".
      if prefix.last == 0x2F, rest.count > 0, rest[0] == 0x2F {
        output.append(rest.extracting(1...))
      } else {
        output.append(rest)
      }
    }
  }
}
