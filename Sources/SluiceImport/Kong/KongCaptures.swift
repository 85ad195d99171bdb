import SluiceConfiguration

// Groups of a route's paths in what its plugins write.

extension KongConversion {
  /// What plugins of a route write, for one of its paths: a group that only others of its paths have is
  /// nothing there, as in Kong. One that no path has stays, and is an error.
  func withoutForeignGroups(_ node: DocumentNode, _ variant: KongVariant) -> DocumentNode {
    let paths = routes[variant.route].paths.filter(\.isRegex).map(\.text)
    guard !paths.isEmpty else { return node }
    var own = ""
    if case .text(let regex)? = variant.plan.match["regex"]?.content { own = regex }
    return node.mappingTemplates { text in
      Self.replacingGroups(in: text) { name in
        if Template.hasGroup(name, own) { return false }
        return paths.contains { Template.hasGroup(name, $0) }
      }
    }
  }

  /// Takes the variables out that `isForeign` names.
  private static func replacingGroups(in text: String, _ isForeign: (String) -> Bool) -> String {
    var result = ""
    var rest = Substring(text)
    while let start = rest.firstRange(of: "${request.path.") {
      guard let end = rest[start.upperBound...].firstIndex(of: "}") else { break }
      result += rest[..<start.lowerBound]
      let name = String(rest[start.upperBound..<end])
      if !isForeign(name) { result += rest[start.lowerBound...end] }
      rest = rest[rest.index(after: end)...]
    }
    return result + rest
  }
}

extension DocumentNode {
  /// The same with other templates.
  fileprivate func mappingTemplates(_ change: (String) -> String) -> DocumentNode {
    var node = self
    switch content {
    case .template(let text): node.content = .template(change(text))
    case .sequence(let elements):
      node.content = .sequence(elements.map { $0.mappingTemplates(change) })
    case .mapping(let entries):
      node.content = .mapping(
        entries.map { entry in
          var entry = entry
          entry.value = entry.value.mappingTemplates(change)
          return entry
        })
    case .text, .literal: break
    }
    return node
  }
}
