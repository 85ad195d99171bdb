public import SluiceConfiguration
import SluiceWire

extension Configuration.CORS: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy { CompiledCORS(self) }

  public func problem() -> String? { RegexSyntax.problem(inEachOf: originsRegex) }
}

/// Answers preflights and marks responses, errors included, for pages of other origins.
///
/// What the target itself says about sharing is replaced: two answers to one question are none.
final class CompiledCORS: CompiledPolicy {
  private let origins: CompiledOrigins
  private let regexes = RegexSet()
  private let patterns: [Int]
  private let allowsEveryOrigin: Bool
  private let settings: Configuration.CORS
  /// For every response to a page that may read it.
  private let responseLines: [FieldLine]
  private let preflightLines: [FieldLine]
  private let varyOrigin = FieldLine("Vary", "Origin")
  private let everyOrigin = FieldLine("Access-Control-Allow-Origin", "*")
  /// Of preflights; also what their answers do not depend on here, but do elsewhere.
  private let varyPreflight: FieldLine
  private let privateNetwork = FieldLine("Access-Control-Allow-Private-Network", "true")

  init(_ settings: Configuration.CORS) {
    self.settings = settings
    origins = CompiledOrigins(settings.origins)
    let regexes = regexes
    patterns = settings.originsRegex.compactMap { try? regexes.add($0) }
    allowsEveryOrigin = settings.origins.contains("*")
    var lines: [FieldLine] = []
    if settings.credentials { lines.append(FieldLine("Access-Control-Allow-Credentials", "true")) }
    var preflight = lines
    if !settings.exposedHeaders.isEmpty {
      lines.append(
        FieldLine(
          "Access-Control-Expose-Headers", settings.exposedHeaders.joined(separator: ", ")))
    }
    responseLines = lines
    preflight.append(
      FieldLine("Access-Control-Allow-Methods", settings.methods.joined(separator: ", ")))
    if let headers = settings.headers, !headers.isEmpty {
      preflight.append(
        FieldLine("Access-Control-Allow-Headers", headers.joined(separator: ", ")))
    }
    preflight.append(
      FieldLine(
        "Access-Control-Max-Age", String(settings.maxAge.nanoseconds / 1_000_000_000)))
    preflightLines = preflight
    let asked = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
    varyPreflight = FieldLine(
      "Vary",
      settings.privateNetwork ? "\(asked), Access-Control-Request-Private-Network" : asked)
  }

  override var phases: PolicyPhases { [.request, .response] }

  override func request(_ exchange: Exchange) -> PolicyOutcome {
    decide(exchange, exchange.request)
  }

  private func decide(_ exchange: Exchange, _ head: borrowing RequestHead) -> PolicyOutcome {
    if exchange.wantsUpgrade { return .next }
    let isPreflight =
      head.method == .options && head.firstIndex(of: .origin) != nil
      && head.firstIndex(of: .accessControlRequestMethod) != nil
    if isPreflight && !settings.preflightContinue { return .answer(preflight(head)) }
    // Also where there is no Origin: a cache must not give that response to a page.
    if !allowsEveryOrigin { exchange.responseEdits.add(varyOrigin) }
    guard let origin = allowedOrigin(head) else { return .next }
    if allowsEveryOrigin {
      exchange.responseEdits.add(everyOrigin)
    } else {
      exchange.responseEdits.add {
        $0.appendField("Access-Control-Allow-Origin", head.span(origin))
      }
    }
    for line in responseLines { exchange.responseEdits.add(line) }
    return .next
  }

  /// The origin's place in the head, if its pages may.
  private func allowedOrigin(_ head: borrowing RequestHead) -> ByteRange? {
    guard let index = head.onlyIndex(of: .origin) else { return nil }
    let value = head.fields[index].value
    if origins.allow(head.span(value), authority: head.span(head.authority ?? .empty)) {
      return value
    }
    // One that gives up has not matched.
    for pattern in patterns where regexes.test(pattern, head.span(value)) == .match {
      return value
    }
    return nil
  }

  /// An answer without the fields means no; browsers say so to the page's author.
  private func preflight(_ head: borrowing RequestHead) -> LocalAnswer {
    var answer = LocalAnswer(status: 204, body: [])
    answer.fields.append(varyPreflight)
    guard let origin = allowedOrigin(head) else { return answer }
    if allowsEveryOrigin {
      answer.fields.append(everyOrigin)
    } else {
      answer.fields.append(FieldLine("Access-Control-Allow-Origin", bytes(head, origin)))
    }
    answer.fields += preflightLines
    if settings.headers == nil, let asked = head.onlyIndex(of: .accessControlRequestHeaders) {
      answer.fields.append(
        FieldLine("Access-Control-Allow-Headers", bytes(head, head.fields[asked].value)))
    }
    if settings.privateNetwork, head.firstIndex(named: Self.requestPrivate.span) != nil {
      answer.fields.append(privateNetwork)
    }
    return answer
  }

  private func bytes(_ head: borrowing RequestHead, _ range: ByteRange) -> [UInt8] {
    head.span(range).withUnsafeBufferPointer { Array($0) }
  }

  override func response(
    _ head: borrowing ResponseHead, _ exchange: Exchange
  ) -> PolicyOutcome {
    for index in head.fields.indices {
      let name = head.span(head.fields[index].name)
      if name.hasPrefixIgnoringCase(Self.prefix) { exchange.responseEdits.drop(index) }
    }
    return .next
  }

  private static let prefix = Array("access-control-".utf8)
  private static let requestPrivate = Array("access-control-request-private-network".utf8)
}
