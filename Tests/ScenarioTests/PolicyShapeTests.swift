import Foundation
import SluiceConfiguration
import SluiceGateway
import SluiceReactor
import SluiceWire
import Testing

extension Scenarios {
  /// Policies from outside of the package, through what is public: every outcome and every phase.
  @Suite struct PolicyShapeTests {
    private func fixture(
      to upstream: ScriptedUpstream, _ settings: Probe,
      _ edit: (inout Configuration) -> Void = { _ in }
    ) throws -> Fixture {
      try Fixture(to: upstream) {
        $0.knownPolicies = PolicyRegistry.standard.adding(Probe.self)
        $0.all.policies[Probe.self] = settings
        edit(&$0)
      }
    }

    @Test func policiesWaitWithoutHoldingAnybodyUp() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream, Probe(does: "wait"))
      let gate = Probe.newGate()
      let waiting = try fixture.client()
      try waiting.send("POST /waits HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
      #expect(try fixture.get("/other", "x-go: on").status == 200)
      gate.open()
      #expect(try waiting.reader.readResponse(to: "POST").text == "/waits")
      #expect(upstream.requests.map(\.target) == ["/other", "/waits"])
      #expect(upstream.requests.last?.text == "abc")
      #expect(upstream.requests.last?["X-Waited"] == "true")
      // The next request on the same connection.
      #expect(try waiting.get("/again", "x-go: on").status == 200)
    }

    @Test func aPolicyThatWaitsTooLongIsATimeout() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream, Probe(does: "wait", milliseconds: 50))
      let gate = Probe.newGate()
      defer { gate.open() }
      let response = try fixture.get("/")
      #expect(response.status == 504)
      #expect(response.code == "policy-timeout")
      #expect(upstream.requests.isEmpty)
    }

    @Test(arguments: [false, true])
    func aWholeBodyCanBeReadAndReplaced(isChunked: Bool) throws {
      let upstream = try ScriptedUpstream.answering { ok($0.text) }
      let fixture = try fixture(to: upstream, Probe(does: "collect"))
      let body =
        isChunked
        ? "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        : "Content-Length: 5\r\n\r\nabcde"
      let response = try fixture.client().exchange("POST / HTTP/1.1\r\nHost: a\r\n\(body)")
      #expect(response.text == "edcba!")
      #expect(upstream.requests.first?["Content-Length"] == "6")
      #expect(upstream.requests.first?["Transfer-Encoding"] == nil)
    }

    @Test func aBodyThatIsTooLargeToCollectIsRefused() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream, Probe(does: "collect"))
      let large = String(repeating: "x", count: 101)
      for body in [
        "Content-Length: 101\r\n\r\n\(large)",
        "Transfer-Encoding: chunked\r\n\r\n65\r\n\(large)\r\n0\r\n\r\n",
      ] {
        let response = try fixture.client().exchange("POST / HTTP/1.1\r\nHost: a\r\n\(body)")
        #expect(response.status == 413)
      }
      #expect(upstream.requests.isEmpty)
    }

    /// Nobody but the gateway can say 100 here: no target has seen the request yet.
    @Test func whoWaitsForContinueIsTold() throws {
      let upstream = try ScriptedUpstream.answering { ok($0.text) }
      let fixture = try fixture(to: upstream, Probe(does: "collect"))
      let client = try fixture.client()
      try client.send(
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
      #expect(try client.reader.readResponse().status == 100)
      try client.send("ab")
      #expect(try client.reader.readResponse(to: "POST").text == "ba!")
      #expect(upstream.requests.first?["Expect"] == nil)
    }

    @Test func bodiesAreFilteredBothWays() throws {
      let upstream = try ScriptedUpstream.answering { ok("answer \($0.text)") }
      let fixture = try fixture(to: upstream, Probe(does: "filter"))
      let client = try fixture.client()
      for _ in 0..<2 {
        let response = try client.exchange(
          "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
        #expect(response.text == "ANSWER HELLO.END..END.")
        #expect(response["Content-Length"] == nil)
        #expect(response["X-Probe"] == "seen")
      }
      #expect(upstream.requests.first?["Transfer-Encoding"] == "chunked")
      let head = try client.exchange("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(head["Content-Length"] == nil)
      let old = try fixture.client().exchange(
        "POST / HTTP/1.0\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
      #expect(old.text == "ANSWER X.END..END.")
    }

    @Test func aFilterMayRefuseWhatPasses() throws {
      let upstream = try ScriptedUpstream.answering { ok($0.target == "/bad" ? "poison" : "fine") }
      let fixture = try fixture(to: upstream, Probe(does: "filter"))
      let refused = try fixture.client().exchange(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\npoison")
      #expect(refused.status == 413)
      #expect(try fixture.get("/bad").isTruncated)
      #expect(try fixture.get("/good").text == "FINE.END.")
    }

    /// What a policy adds is on the gateway's own answers, too; those that were not asked see nothing.
    @Test func answersPassThePoliciesThatTheRequestHadPassed() throws {
      let upstream = try ScriptedUpstream.answering { _ in ok("secret", "X-Target: yes") }
      let fixture = try fixture(to: upstream, Probe(does: "replace")) {
        $0.all.policies[Configuration.KeyAuth.self] = Configuration.KeyAuth()
        $0.consumers["alice"] = Configuration.Consumer()
        var credential = Configuration.Credential()
        credential.keyAuth = Configuration.KeyCredential(key: "key")
        $0.consumers["alice"]?.credentials = [credential]
      }
      let finished = Probe.finished.withLock { $0 }
      let refused = try fixture.get("/")
      #expect(refused.status == 401)
      #expect(refused["X-Answered"] == nil)
      let client = try fixture.client()
      let replaced = try client.get("/", "apikey: key")
      #expect(replaced.status == 418)
      #expect(replaced.text == "instead")
      #expect(replaced["X-Target"] == nil)
      #expect(replaced["X-Answered"] == "yes")
      try waitUntil { Probe.finished.withLock { $0 } == finished + 1 }
    }

    /// A caller's own policies are compiled when the first such caller comes, which may be after their
    /// configuration was replaced: whatever they registered has to end as well.
    @Test func whatIsCompiledAfterItsConfigurationEndsWithIt() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream, Probe(does: "wait", isEarly: true)) {
        $0.knownPolicies = $0.knownPolicies.adding(Tally.self)
        $0.all.policies[Configuration.KeyAuth.self] = Configuration.KeyAuth()
        var credential = Configuration.Credential()
        credential.keyAuth = Configuration.KeyCredential(key: "key")
        var alice = Configuration.Consumer()
        alice.credentials = [credential]
        alice.policies[Tally.self] = Tally()
        $0.consumers["alice"] = alice
      }
      Tally.counts.withLock { $0 = Tally.Counts() }
      let gate = Probe.newGate()
      let waiting = try fixture.client()
      try waiting.send("GET / HTTP/1.1\r\nHost: a\r\napikey: key\r\n\r\n")
      try waitUntil("it waits") { Probe.waiting.withLock { $0 } > 0 }
      var next = fixture.gateway.configuration
      next.all.policies[Configuration.RequestID.self] = Configuration.RequestID()
      try fixture.gateway.reload(next)
      #expect(Tally.counts.withLock { $0 } == Tally.Counts())
      gate.open()
      #expect(try waiting.reader.readResponse().status == 200)
      #expect(
        Tally.counts.withLock { $0.compiled } == 1 && Tally.counts.withLock { $0.retired } == 1)
      // With its snapshot it is gone.
      try waitUntil("nothing of it is left") { Tally.counts.withLock { $0.gone } == 1 }
      // The one of today stays.
      #expect(try waiting.get("/", "apikey: key", "x-go: on").status == 200)
      #expect(
        Tally.counts.withLock { $0 } == Tally.Counts(compiled: 2, retired: 1, gone: 1))
    }

    /// Its settings choose where a policy stands; in the stage `entry` it meets who is refused behind it.
    @Test(arguments: [false, true])
    func settingsChooseTheStage(isEarly: Bool) throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream, Probe(isEarly: isEarly)) {
        $0.all.policies[Configuration.KeyAuth.self] = Configuration.KeyAuth()
      }
      let refused = try fixture.get("/")
      #expect(refused.status == 401)
      #expect(refused["X-Answered"] == (isEarly ? "yes" : nil))
    }

    /// A caller with a chain of another length up to `identify` would have policies passed over: nothing of
    /// that starts, also where no file was read.
    @Test func anEarlyPolicyIsForEverybody() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream, Probe(isEarly: true))
      var configuration = fixture.gateway.configuration
      configuration.groups["staff"] = Configuration.Group()
      try fixture.gateway.reload(configuration)
      configuration.groups["staff"]?.policies.turnOff(Probe.self)
      let error = #expect(throws: Gateway.StartError.self) {
        try fixture.gateway.reload(configuration)
      }
      #expect(
        error?.description
          == "probe of route all runs before it is known who calls, and group staff has one of its own"
      )
      configuration.all.policies[Probe.self]?.isEarly = false
      try fixture.gateway.reload(configuration)
    }
  }
}

/// A policy that does what a test asks for.
private struct Probe: Policy {
  var does = ""
  var milliseconds = 600_000
  var isEarly = false

  static let policyName = "probe"
  static let stage = PolicyStage.transform
  static let stageKey: String? = "isEarly"
  var stage: PolicyStage { isEarly ? .entry : Self.stage }
  static let schema = Schema(
    "Probe", of: Self(), "Tests.",
    [
      Field("does", .text(.fieldValue), "What."),
      Field("milliseconds", .integer(1...1_000_000), "How long."),
      Field("isEarly", .boolean, "When."),
    ])
  static let example = ""
  static let finished = Locked(0)
  static let waiting = Locked(0)
  private static let gate = Locked(Gate())

  static func newGate() -> Gate {
    let new = Gate()
    gate.withLock { $0 = new }
    return new
  }

  static var currentGate: Gate { gate.withLock { $0 } }

  init() {}
  init(does: String = "", milliseconds: Int = 600_000, isEarly: Bool = false) {
    self.does = does
    self.isEarly = isEarly
    self.milliseconds = milliseconds
  }

  func compile(_ context: PolicyContext) -> CompiledPolicy { CompiledProbe(self) }
}

private final class CompiledProbe: CompiledPolicy {
  private let settings: Probe

  init(_ settings: Probe) { self.settings = settings }

  override var phases: PolicyPhases { [.request, .response, .answer, .end] }

  override func request(_ exchange: Exchange) -> PolicyOutcome {
    switch settings.does {
    case "wait" where exchange.requestField("x-go") == nil:
      let gate = Probe.currentGate
      return exchange.wait(
        atMost: .milliseconds(Int64(settings.milliseconds)),
        for: {
          // The test's gate blocks, so it is waited for on a thread of its own: those that tasks
          // share may all be busy with other tests.
          await withCheckedContinuation { continuation in
            Thread.detachNewThread {
              Probe.waiting.withLock { $0 += 1 }
              gate.wait()
              Probe.waiting.withLock { $0 -= 1 }
              continuation.resume()
            }
          }
          return true
        },
        then: { exchange, waited in
          exchange.addRequestField(FieldLine("X-Waited", "\(waited)"))
          return .next
        })
    case "collect": return .collect(upTo: 100)
    case "filter":
      exchange.addRequestFilter(UpperCase())
      exchange.addResponseField(FieldLine("X-Probe", "seen"))
      return .next
    default: return .next
    }
  }

  override func requestBody(_ exchange: Exchange) -> PolicyOutcome {
    var body = ByteBuffer()
    exchange.withCollectedBody { bytes in
      for index in bytes.indices.reversed() { body.append(bytes[index]) }
    }
    body.append("!")
    exchange.replaceCollectedBody(body)
    return .next
  }

  override func response(
    _ head: borrowing ResponseHead, _ exchange: Exchange
  ) -> PolicyOutcome {
    switch settings.does {
    case "filter": exchange.addResponseFilter(UpperCase())
    case "replace": return .answer(LocalAnswer(status: 418, body: Array("instead".utf8)))
    default: break
    }
    return .next
  }

  override func answered(_ answer: inout LocalAnswer, _ exchange: Exchange) {
    answer.fields.append(FieldLine("X-Answered", "yes"))
  }

  override func finished(_ exchange: Exchange) { Probe.finished.withLock { $0 += 1 } }
}

/// A policy that counts what becomes of what it compiles to.
private struct Tally: Policy {
  struct Counts: Equatable {
    var compiled = 0
    var retired = 0
    var gone = 0
  }

  static let policyName = "tally"
  static let stage = PolicyStage.transform
  static let schema = Schema("Tally", of: Self(), "Tests.", [])
  static let example = ""
  static let counts = Locked(Counts())

  func compile(_ context: PolicyContext) -> CompiledPolicy { CompiledTally() }
}

private final class CompiledTally: CompiledPolicy {
  override init() {
    Tally.counts.withLock { $0.compiled += 1 }
    super.init()
  }

  deinit { Tally.counts.withLock { $0.gone += 1 } }

  override func retired() { Tally.counts.withLock { $0.retired += 1 } }
}

private final class UpperCase: BodyFilter {
  override func filter(
    _ bytes: Span<UInt8>, isLast: Bool, into output: inout ByteBuffer
  ) -> Result {
    if bytes.count >= 6 && bytes[0] == 0x70 && bytes[1] == 0x6F { return .refused(.bodyTooLarge) }
    for index in bytes.indices {
      output.append(bytes[index] &- 0x61 < 26 ? bytes[index] &- 0x20 : bytes[index])
    }
    if isLast { output.append(".END.") }
    return .replaced
  }
}
