/// Which certificates serve which name: exact names before wildcards, which stand for one label
/// (RFC 9525 6.3). Pure.
///
/// Certificates for the same name with keys of different kinds form a group, of which the caller's
/// abilities pick one. Of two with the same kind the first counts.
struct TLSNameTable {
  /// Indices of certificates; the first group is for who names nobody, or nobody known.
  private(set) var groups: [[Int]]
  private var exact: [String: Int] = [:]
  /// By what follows `*.`.
  private var wildcards: [String: Int] = [:]

  init(_ certificates: [(names: [String], keyKind: Int32)]) {
    var members: [String: [Int]] = [:]
    for (index, certificate) in certificates.enumerated() {
      for name in certificate.names {
        let others = members[name] ?? []
        if others.contains(where: { certificates[$0].keyKind == certificate.keyKind }) { continue }
        members[name] = others + [index]
      }
    }
    // The first certificate's first name decides who stands beside it; there is always a first.
    let first = certificates[0].names.first.flatMap { members[$0] } ?? [0]
    groups = [first.contains(0) ? first : [0]]
    for (name, group) in members.sorted(by: { $0.key < $1.key }) {
      let place = groups.firstIndex(of: group) ?? groups.count
      if place == groups.count { groups.append(group) }
      if name.hasPrefix("*.") {
        wildcards[String(name.dropFirst(2))] = place
      } else {
        exact[name] = place
      }
    }
  }

  /// The group that serves `name`; nil when none does.
  func group(of name: String) -> Int? {
    var name = name.lowercased()
    if name.hasSuffix(".") { name.removeLast() }
    if let place = exact[name] { return place }
    guard let dot = name.firstIndex(of: "."), dot != name.startIndex else { return nil }
    return wildcards[String(name[name.index(after: dot)...])]
  }
}
