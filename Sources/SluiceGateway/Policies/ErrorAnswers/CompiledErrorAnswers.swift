public import SluiceConfiguration
import SluiceWire

extension Configuration.ErrorAnswers: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy { CompiledErrorAnswers(self) }
}

/// Puts other answers in the place of failures.
final class CompiledErrorAnswers: CompiledPolicy {
  private struct Answer {
    let statuses: Set<Int>
    let status: Int?
    let body: [UInt8]?
    let type: FieldLine?
    let location: CompiledTemplate?
    let way: Way?
  }

  /// To another route.
  private struct Way {
    let section: String
    let path: CompiledTemplate?
    let query: CompiledTemplate?
    let keepsStatus: Bool
  }

  private let answers: [Answer]
  private let intercepts: Bool
  private let unreachable: Int?

  init(_ settings: Configuration.ErrorAnswers) {
    answers = settings.answers.map {
      Answer(
        statuses: Set($0.statuses), status: $0.status, body: $0.body.map { Array($0.utf8) },
        type: FieldLine(name: "Content-Type", value: $0.mediaType),
        location: $0.location.map { CompiledTemplate($0) }, way: Self.way($0))
    }
    intercepts = settings.intercept
    unreachable = settings.unreachable
  }

  private static func way(_ settings: Configuration.ErrorAnswer) -> Way? {
    settings.to.map {
      Way(
        section: $0, path: settings.path.map { CompiledTemplate($0) },
        query: settings.query.map { CompiledTemplate($0) }, keepsStatus: !settings.ownStatus)
    }
  }

  override var phases: PolicyPhases {
    var phases: PolicyPhases = .answer
    if intercepts { phases.insert(.response) }
    return phases
  }

  override var redirectsInternally: Bool { answers.contains { $0.way != nil } }
  override var repeatsBodies: Bool { answers.contains { $0.way.map { $0.path == nil } ?? false } }

  override func response(
    _ head: borrowing ResponseHead, _ exchange: Exchange
  ) -> PolicyOutcome {
    guard !exchange.wantsUpgrade, exchange.internalRedirect?.isOfFailure != true,
      let answer = answers.first(where: { $0.statuses.contains(head.status) })
    else { return .next }
    // Where the request can't be sent on, the target's answer is better than none.
    if answer.way != nil, !mayLeave(exchange, by: answer, isResponse: true) { return .next }
    // It passes `answered` on its way, which makes of it what it is to be.
    return .answer(LocalAnswer(status: head.status, contentType: "", body: answer.body ?? []))
  }

  override func answered(_ answer: inout LocalAnswer, _ exchange: Exchange) {
    if let unreachable, let error = exchange.record.error,
      [.upstreamRefused, .noTargetAvailable, .targetNotResolved].contains(error)
    {
      answer.setStatus(unreachable)
    }
    // A policy's own answers are meant; failures are what this is for.
    guard answer.status >= 300, exchange.internalRedirect?.isOfFailure != true,
      let instead = answers.first(where: { $0.statuses.contains(answer.status) })
    else { return }
    if let way = instead.way {
      if mayLeave(exchange, by: instead, isResponse: false) {
        exchange.failureWay = self.way(way, instead.status ?? answer.status, exchange)
      }
      return
    }
    if let status = instead.status { answer.setStatus(status) }
    if let body = instead.body {
      answer.body = body
      if !body.isEmpty, let type = instead.type {
        answer.contentType = ""
        answer.fields.append(type)
      }
    }
    guard let location = instead.location else { return }
    var text = ByteBuffer()
    location.append(exchange, .url, to: &text)
    guard FieldSyntax.isValue(text.span) else { return }
    answer.fields.append(FieldLine("Location", text.copiedBytes()))
  }

  private func mayLeave(_ exchange: Exchange, by answer: Answer, isResponse: Bool) -> Bool {
    exchange.mayLeaveAfterFailure(asItIs: answer.way?.path == nil, isResponse: isResponse)
  }

  /// Nil where the path is none: the answer stays.
  private func way(_ way: Way, _ status: Int, _ exchange: Exchange) -> FailureWay? {
    let shown = way.keepsStatus ? status : nil
    guard let template = way.path else {
      return FailureWay(section: way.section, status: shown, path: nil, query: [])
    }
    var path = ByteBuffer()
    template.append(exchange, .url, to: &path)
    guard SentPath.isNormal(path.span, exchange.listener.slashes) else { return nil }
    var query = ByteBuffer()
    way.query?.append(exchange, .query, to: &query)
    return FailureWay(
      section: way.section, status: shown, path: path.copiedBytes(), query: query.copiedBytes())
  }
}

extension LocalAnswer {
  /// Problem details say the status, too.
  mutating func setStatus(_ status: Int) {
    let (old, new) = (Array("\"status\":\(self.status)".utf8), Array("\"status\":\(status)".utf8))
    if let place = body.firstRange(of: old) { body.replaceSubrange(place, with: new) }
    self.status = status
  }
}
