public import SluiceConfiguration
public import SluiceReactor
public import SluiceWire

/// The gateway's half of a policy: settings that compile to something that sees exchanges.
///
/// ```
/// caller ─▶ entry ─▶ identify ─▶ authorize ─▶ limit ─▶ transform ─▶ cache ─▶ target
///             │request()  …         …           …          …          │         │
/// caller ◀────┴─────────────────────────────────────────────── response() ◀────┘
/// ```
///
/// A policy that has nothing to do on a route does not exist there. An answer of the gateway's own
/// passes those policies, in reverse, that the request had passed.
public protocol Policy: PolicySettings {
  /// Makes what runs on one worker. Called when a configuration is put in force, once for each place
  /// that sets the policy; the result serves every route for which that place decides. In the stage `identify`
  /// it is an `IdentifyPolicy`: anything else ends the process, since nobody would be asked.
  func compile(_ context: PolicyContext) -> CompiledPolicy

  /// What only the gateway can tell is wrong with the settings, such as a key that is none. Nil when
  /// they compile.
  func problem() -> String?
}

extension Policy {
  public func problem() -> String? { nil }
}

/// Which methods of a compiled policy do something; the others are never called.
public struct PolicyPhases: OptionSet, Sendable {
  public let rawValue: UInt8
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  public static let request = PolicyPhases(rawValue: 1)
  public static let response = PolicyPhases(rawValue: 2)
  public static let answer = PolicyPhases(rawValue: 4)
  public static let end = PolicyPhases(rawValue: 8)
  public static let failure = PolicyPhases(rawValue: 16)
  public static let log = PolicyPhases(rawValue: 32)
}

/// What a policy's settings compile to; one per worker and place that sets it.
///
/// A base class and not a protocol, so that a call is one look-up in a table of methods. Everything
/// runs on the worker's thread. What is per exchange lives in the exchange (`setNote`), never here.
open class CompiledPolicy {
  public init() {}

  open var phases: PolicyPhases { .request }

  /// Whether it may send requests on to internal routes.
  var redirectsInternally: Bool { false }

  /// Whether it may send requests on whose bodies a target has had.
  var repeatsBodies: Bool { false }

  /// The head is here, the body is not.
  open func request(_ exchange: Exchange) -> PolicyOutcome { .next }

  /// The whole body is here, after `request` answered `collect`: `exchange.withCollectedBody`.
  open func requestBody(_ exchange: Exchange) -> PolicyOutcome { .next }

  /// The target's final response head; its fields are edited through `exchange.responseEdits`, its
  /// body through `exchange.addResponseFilter`. Can't wait or collect.
  open func response(_ head: borrowing ResponseHead, _ exchange: Exchange) -> PolicyOutcome {
    .next
  }

  /// No target gave a response, and the caller would get this error; `handled` when the policy has
  /// something better. Can't wait or collect.
  open func failed(_ error: GatewayError, _ exchange: Exchange) -> PolicyOutcome { .next }

  /// Whether it is told of every answer of the gateway's, also of those before its turn has come.
  var meetsEveryAnswer: Bool { false }

  /// The gateway answers itself, after this policy had let the request pass, or `meetsEveryAnswer`.
  open func answered(_ answer: inout LocalAnswer, _ exchange: Exchange) {}

  /// Whether a session whose handshake passed, now or under a former configuration, may live on.
  /// Asked at a reload that changes something for its route or consumer, and of new credentials that a
  /// session is shown; decides by who it is alone. What only the request could tell counts as held.
  open func admits(_ identity: Identity?, from client: SocketAddress) -> Bool { true }

  /// Another configuration is in force; exchanges that began before may still come. Whatever this
  /// policy registered with the loop ends here.
  open func retired() {}

  /// The exchange is over, however; called exactly once if the policy had let the request pass.
  open func finished(_ exchange: Exchange) {}

  /// The exchange is over while this policy had it wait for an event (`exchange.park`).
  func abandoned(_ exchange: Exchange) {}

  /// The exchange is over, and its record is complete; called exactly once, also if another policy had
  /// refused the request. `status` is what the caller got, 499 for none.
  open func logged(_ exchange: Exchange, status: Int) {}

  /// A session of the policy's route has opened, gone on or ended.
  func logged(_ event: SessionEvent) {}
}

/// What a policy decided.
public enum PolicyOutcome {
  /// The next one's turn.
  case next
  case refuse(PolicyRefusal)
  indirect case answer(LocalAnswer)
  /// Only as what `exchange.wait` or `exchange.park` returned: the policy goes on there.
  case wait
  /// The exchange has its response already, or will.
  case handled
  /// `requestBody` is called when the whole body is here; a larger one is refused.
  case collect(upTo: Int)
}

/// Why a policy does not let a request pass; made when the policy is compiled.
public final class PolicyRefusal {
  let error: GatewayError
  let detail: StaticString?
  let fields: [FieldLine]
  /// In the place of what the gateway says of the error.
  let answer: OwnAnswer?

  /// Made when the policy is compiled.
  struct OwnAnswer {
    let status: Int?
    let body: [UInt8]?
    let type: FieldLine?

    init(_ settings: Configuration.RefusalAnswer) {
      status = settings.status
      body = settings.body.map { Array($0.utf8) }
      type = FieldLine(name: "Content-Type", value: settings.mediaType)
    }
  }

  /// `detail` must not contain anything internal.
  public init(
    _ error: GatewayError, detail: StaticString? = nil, fields: [FieldLine] = [],
    answer: Configuration.RefusalAnswer? = nil
  ) {
    self.error = error
    self.detail = detail
    self.fields = fields
    self.answer = answer.map { OwnAnswer($0) }
  }
}
