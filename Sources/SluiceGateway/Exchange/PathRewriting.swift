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
      // "/new" + "" stays "/new"; one slash stands between the two, whoever brings it.
      if rest.isEmpty { return }
      if prefix.last != 0x2F {
        if rest[0] != 0x2F { output.append(0x2F) }
        output.append(rest)
      } else {
        output.append(rest[0] == 0x2F ? rest.extracting(1...) : rest)
      }
    }
  }
}
