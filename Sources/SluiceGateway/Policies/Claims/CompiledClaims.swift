public import SluiceConfiguration
import SluiceReactor
import SluiceWire

extension Configuration.Claims: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy { CompiledClaims(self) }
}

/// Lets callers pass by what is known of them.
final class CompiledClaims: CompiledPolicy {
  private let conditions: [CallerCondition]
  private let nobody = PolicyRefusal(.unauthorized, detail: "It is not known who calls.")
  private let wrong = PolicyRefusal(.forbidden, detail: "This caller may not do this.")

  init(_ settings: Configuration.Claims) {
    // Checked when the file was read.
    conditions = settings.require.compactMap {
      (try? CallerExpression(parsing: $0)).map { CallerCondition($0) }
    }
  }

  override func request(_ exchange: Exchange) -> PolicyOutcome {
    guard let identity = exchange.identity else { return .refuse(nobody) }
    if conditions.allSatisfy({ $0.holds(identity, exchange) }) { return .next }
    return .refuse(identity.isAnonymous ? nobody : wrong)
  }

  override func admits(_ identity: Identity?, from client: SocketAddress) -> Bool {
    guard let identity else { return false }
    return conditions.allSatisfy { $0.holds(identity) != false }
  }
}

/// A condition with its texts as bytes.
indirect enum CallerCondition {
  case all([CallerCondition])
  case any([CallerCondition])
  case not(CallerCondition)
  case test(Subject, Test)

  enum Subject {
    case consumer, credential, groups, method, path
    case claim([UInt8])
  }

  enum Test {
    case exists
    case equals([UInt8])
    case contains([UInt8])
    case startsWith([UInt8])
    case endsWith([UInt8])
    case isOneOf([[UInt8]])
  }

  init(_ expression: CallerExpression) {
    switch expression {
    case .all(let parts): self = .all(parts.map { CallerCondition($0) })
    case .any(let parts): self = .any(parts.map { CallerCondition($0) })
    case .not(let part): self = .not(CallerCondition(part))
    case .test(let subject, let test): self = .test(Subject(subject), Test(test))
    }
  }

  func holds(_ identity: Identity, _ exchange: Exchange) -> Bool {
    switch self {
    case .all(let parts): return parts.allSatisfy { $0.holds(identity, exchange) }
    case .any(let parts): return parts.contains { $0.holds(identity, exchange) }
    case .not(let part): return !part.holds(identity, exchange)
    case .test(let subject, let test):
      switch subject {
      case .consumer: return test.holds(text: identity.consumer)
      case .credential: return test.holds(text: identity.credential)
      case .groups: return test.holds(ofAny: identity.groups)
      case .method: return Self.method(exchange.request, test)
      case .path: return exchange.withPath { test.holds($0) }
      case .claim(let name):
        guard let claim = identity.claim(name) else { return false }
        return test.holds(claim)
      }
    }
  }

  /// The same of a session, whose request is gone; nil when that decides.
  func holds(_ identity: Identity) -> Bool? {
    switch self {
    case .all(let parts): return Self.joined(parts, identity, decisive: false)
    case .any(let parts): return Self.joined(parts, identity, decisive: true)
    case .not(let part): return part.holds(identity).map { !$0 }
    case .test(let subject, let test):
      switch subject {
      case .consumer: return test.holds(text: identity.consumer)
      case .credential: return test.holds(text: identity.credential)
      case .groups: return test.holds(ofAny: identity.groups)
      case .method, .path: return nil
      case .claim(let name): return identity.claim(name).map { test.holds($0) } ?? false
      }
    }
  }

  /// One part that is `decisive` decides, whatever the others are.
  private static func joined(
    _ parts: [CallerCondition], _ identity: Identity, decisive: Bool
  ) -> Bool? {
    let results = parts.map { $0.holds(identity) }
    if results.contains(decisive) { return decisive }
    return results.contains(nil) ? nil : !decisive
  }

  private static func method(_ head: borrowing RequestHead, _ test: Test) -> Bool {
    test.holds(head.span(head.methodName))
  }
}

extension CallerCondition.Subject {
  init(_ subject: CallerExpression.Subject) {
    switch subject {
    case .consumer: self = .consumer
    case .credential: self = .credential
    case .groups: self = .groups
    case .method: self = .method
    case .path: self = .path
    case .claim(let name): self = .claim(Array(name.utf8))
    }
  }
}

extension CallerCondition.Test {
  init(_ test: CallerExpression.Test) {
    switch test {
    case .exists: self = .exists
    case .equals(let text): self = .equals(Array(text.utf8))
    case .contains(let text): self = .contains(Array(text.utf8))
    case .startsWith(let text): self = .startsWith(Array(text.utf8))
    case .endsWith(let text): self = .endsWith(Array(text.utf8))
    case .isOneOf(let texts): self = .isOneOf(texts.map { Array($0.utf8) })
    }
  }

  func holds(_ value: Span<UInt8>) -> Bool {
    switch self {
    case .exists: !value.isEmpty
    case .equals(let text): Self.equals(value, text)
    case .contains(let text): Self.hasWord(value, text)
    case .startsWith(let text):
      value.count >= text.count && Self.equals(value.extracting(..<text.count), text)
    case .endsWith(let text):
      value.count >= text.count
        && Self.equals(value.extracting((value.count - text.count)...), text)
    case .isOneOf(let texts): texts.contains { Self.equals(value, $0) }
    }
  }

  func holds(text: [UInt8]) -> Bool { holds(text.span) }

  func holds(ofAny values: [[UInt8]]) -> Bool {
    if case .contains(let text) = self { return values.contains(text) }
    return values.contains { holds($0.span) }
  }

  /// A list holds what one of its elements does.
  func holds(_ claim: Identity.Claim) -> Bool {
    if case .exists = self { return true }
    if case .contains(let text) = self { return claim.words.contains(text) }
    return claim.value.isEmpty ? holds(ofAny: claim.words) : holds(claim.value.span)
  }

  private static func equals(_ value: Span<UInt8>, _ text: [UInt8]) -> Bool {
    if value.count != text.count { return false }
    for index in value.indices where value[index] != text[index] { return false }
    return true
  }

  private static func hasWord(_ value: Span<UInt8>, _ text: [UInt8]) -> Bool {
    var start = 0
    while start < value.count {
      var end = start
      while end < value.count && value[end] != 0x20 { end += 1 }
      if equals(value.extracting(start..<end), text) { return true }
      start = end + 1
    }
    return false
  }
}
