import SluiceConfiguration
import SluiceWire

/// A template with what groups of a regex matched.
struct GroupTemplate {
  private enum Part {
    case template(CompiledTemplate)
    case group(Int)
  }

  private let parts: [Part]

  init(_ text: String) {
    parts = GroupReference.parts(of: text).map { part in
      switch part {
      case .text(let text): .template(CompiledTemplate(text))
      case .group(let group): .group(group)
      }
    }
  }

  /// In which a dollar sign is one.
  init(template text: String) { parts = [.template(CompiledTemplate(text))] }

  /// Whether it depends on what groups matched.
  var hasGroups: Bool {
    parts.contains { if case .group = $0 { true } else { false } }
  }

  /// `groups` are places in `subject`; one that matched nothing leaves nothing.
  ///
  /// - Parameter groupPlace: what the groups are written for, if `subject` is no part of the URL.
  func append(
    _ exchange: Exchange, _ place: CompiledTemplate.Place, _ groups: [Range<Int>?],
    of subject: Span<UInt8>, groupPlace: CompiledTemplate.Place? = nil, to output: inout ByteBuffer
  ) {
    for part in parts {
      switch part {
      case .template(let template): template.append(exchange, place, to: &output)
      case .group(let group):
        guard group < groups.count, let range = groups[group] else { continue }
        Self.append(subject.extracting(range), groupPlace ?? place, to: &output)
      }
    }
  }

  /// In a path it stays as it was matched; in a query it must stay within one value.
  private static func append(
    _ text: Span<UInt8>, _ place: CompiledTemplate.Place, to output: inout ByteBuffer
  ) {
    if place == .url || place == .field { return output.append(text) }
    var decoded = ByteBuffer()
    if PercentEncoding.decode(text, into: &decoded) {
      PercentEncoding.encode(decoded.span, to: &output)
    } else {
      PercentEncoding.encode(text, to: &output)
    }
  }
}
