import SluiceConfiguration
import SluiceWire

/// Which responses an operator wants to be stored at all, of those that may be.
struct CacheFilter {
  /// Empty for all.
  private let statuses: Set<Int>
  /// Whole values of Content-Type; empty for all.
  private let types: [[UInt8]]

  init(_ settings: Configuration.Cache) {
    statuses = Set(settings.statuses)
    types = settings.types.map { Array($0.utf8) }
  }

  func admits(_ head: borrowing ResponseHead) -> Bool {
    if !statuses.isEmpty, !statuses.contains(head.status) { return false }
    if types.isEmpty { return true }
    guard let index = head.firstIndex(named: Self.contentType.span) else { return false }
    let value = head.span(head.fields[index].value)
    for type in types where value.equalsIgnoringCase(type) { return true }
    return false
  }

  private static let contentType = Array("content-type".utf8)
}
