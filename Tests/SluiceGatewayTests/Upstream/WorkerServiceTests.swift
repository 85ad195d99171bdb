import SluiceConfiguration
import SluiceReactor
import SluiceWire
import Testing

@testable import SluiceGateway

/// Services on a worker whose loop stands still: nothing connects unless a test says so.
@Suite struct WorkerServiceTests {
  private struct NoControl: WorkerControl {
    func connectFailed(name: String) {}
    func log(_ event: LifecycleEvent) {}
    func sessionChanged(_ event: SessionEvent, now: MonotonicTime) {}
  }

  /// A caller that only remembers what it was told.
  private final class Caller: DownstreamStream {
    var status: Int?
    /// What the log would say at the end.
    var record: ExchangeRecord?
    weak var exchange: Exchange?
    var responseBacklog: Int { 0 }
    func sendAnswer(_ answer: LocalAnswer, of exchange: Exchange) {
      status = answer.status
      record = exchange.record
    }
    func sendContinue() {}
    func sendAnswerHead(_ answer: LocalAnswer, of exchange: Exchange) {}
    func sendInformational(_ head: borrowing ResponseHead) {}
    func sendHead(_ head: borrowing ResponseHead, of exchange: Exchange) {}
    func sendBody(_ bytes: Span<UInt8>) {}
    func sendEnd(_ trailers: borrowing TrailerSection) {}
    func abortResponse() { record = exchange?.record }
    func resumeRequestBody() {}
    func pauseRequestBody() {}
    var acceptor: HTTPListener { preconditionFailure("no handshake here") }
    func handOver(to session: Session) {}
    func deliverEarly(to session: Session) {}
  }

  private func worker() throws -> Worker {
    Worker(index: 0, of: 1, loop: try EventLoop(), control: NoControl(), logWriter: nil)
  }

  /// Targets have names that nobody looks up, so their exchanges wait. One connection each.
  private func configuration(
    _ targets: [String] = ["http://a.test", "http://b.test"]
  ) -> Configuration {
    var configuration = Configuration()
    var service = Configuration.Service()
    service.targets = targets.map { .init(url: $0) }
    service.connections.maxPerTarget = 1
    service.health.failures = 1
    configuration.services = ["api": service, "other": service]
    configuration.routes["all"] = Configuration.Route()
    configuration.routes["all"]?.service = "api"
    return configuration
  }

  private func begin(
    _ worker: Worker, _ head: String = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
  ) throws -> (Exchange, Caller) {
    let exchange = worker.takeExchange()
    let caller = Caller()
    caller.exchange = exchange
    let text = Array(head.utf8)
    try exchange.request.parse(text.span, limits: HeadLimits())
    exchange.begin(caller, listener: worker.noListener, peer: .unnamedUnix)
    return (exchange, caller)
  }

  /// Exchanges of the gateway's own do not set it.
  @Test func anExchangeForgetsTheFramingOfItsRequest() throws {
    let worker = try worker()
    worker.apply(configuration(), listeners: [])
    let (exchange, _) = try begin(
      worker, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    #expect(exchange.requestFraming == .chunked)
    exchange.fail(.noTargetAvailable)
    #expect(exchange.state == .unused && exchange.requestFraming == .none)
  }

  @Test func theQueueOfAnEjectedTargetMovesToTheOthers() throws {
    let worker = try worker()
    worker.apply(configuration(), listeners: [])
    let begun = try (0..<4).map { _ in try begin(worker) }
    let exchanges = begun.map(\.0)
    // Round-robin: two at each target, of which the second waits.
    let (first, second) = (try #require(exchanges[0].lastTarget), exchanges[1].lastTarget)
    #expect(first !== second)
    #expect(exchanges[2].lastTarget === first && exchanges[3].lastTarget === second)
    #expect(exchanges.map(\.isQueued) == [false, false, true, true])

    exchanges[0].upstreamFailed(.responseTimeout)
    #expect(begun[0].1.status == 504)
    #expect(first.pool.waiting == 0)
    #expect(second?.pool.waiting == 2)
    #expect(exchanges[2].lastTarget === second && exchanges[2].isQueued)
    #expect(exchanges[2].attempts == RetryDecision.Attempts())
    #expect(begun[2].1.status == nil)

    // Nobody is left: who waits is told at once.
    exchanges[1].upstreamFailed(.responseTimeout)
    #expect(begun.map(\.1.status) == [504, 504, 503, 503])
    #expect(second?.pool.waiting == 0)
    #expect(worker.snapshot.services["api"]?.state.inFlight == 0)
    #expect(worker.counters.ejections == 2)
  }

  @Test func theOnlyTargetKeepsItsQueue() throws {
    let worker = try worker()
    worker.apply(configuration(["http://a.test"]), listeners: [])
    let begun = try (0..<3).map { _ in try begin(worker) }
    begun[0].0.upstreamFailed(.responseTimeout)
    #expect(begun.map(\.1.status) == [504, nil, nil])
    #expect(begun[1].0.lastTarget?.pool.waiting == 2)
    #expect(worker.counters.ejections == 0)
  }

  @Test func aServiceThatDidNotChangeKeepsItsCounts() throws {
    let worker = try worker()
    var configuration = configuration()
    worker.apply(configuration, listeners: [])
    _ = try begin(worker)
    let (api, other) = (worker.snapshot.services["api"], worker.snapshot.services["other"])
    configuration.services["other"]?.balance = .leastConnections
    configuration.routes["all"]?.maxBodySize = .kibibytes(1)
    worker.apply(configuration, listeners: [])
    #expect(worker.snapshot.services["api"] === api)
    #expect(worker.snapshot.services["api"]?.state.inFlight == 1)
    // The other is new, with its targets kept.
    #expect(worker.snapshot.services["other"] !== other)
    let targets = worker.snapshot.services["other"]?.targets ?? []
    #expect(targets.count == 2 && targets.allSatisfy { !$0.pool.isRetired })
    #expect(zip(targets, other?.targets ?? []).allSatisfy { $0 === $1 })
    #expect(api?.targets.allSatisfy { !$0.pool.isRetired } == true)
  }

  @Test func aTargetThatIsGoneIsRetired() throws {
    let worker = try worker()
    worker.apply(configuration(), listeners: [])
    let former = worker.snapshot.services["api"]?.targets ?? []
    worker.apply(configuration(["http://b.test", "http://c.test"]), listeners: [])
    #expect(former.map(\.pool.isRetired) == [true, false])
  }

  @Test func aTargetThatIsGoneLeavesTheLoopWithItsLastExchange() throws {
    let worker = try worker()
    worker.apply(configuration(["http://a.test"]), listeners: [])
    let handlers = worker.loop.handlerCount
    let (exchange, caller) = try begin(worker)
    #expect(worker.loop.handlerCount == handlers + 1)
    // The two new ones of "api" and "other"; the former of "other" has nobody and goes at once.
    worker.apply(configuration(["http://b.test"]), listeners: [])
    #expect(worker.loop.handlerCount == handlers + 2)
    exchange.fail(.internalError)
    #expect(caller.status == 500)
    #expect(worker.loop.handlerCount == handlers + 1)
  }

  @Test func waitingForTheFirstAddressEnds() throws {
    let worker = try worker()
    var configuration = configuration(["http://a.test"])
    configuration.services["api"]?.timeouts.connect = .milliseconds(0)
    worker.apply(configuration, listeners: [])
    let (exchange, caller) = try begin(worker)
    let target = try #require(exchange.lastTarget)
    #expect(target.pool.connecting == 1 && caller.status == nil)
    #expect(target.deadline == worker.loop.now)
    target.deadlineReached()
    #expect(caller.status == 503 && caller.record?.error == .targetNotResolved)
    #expect(target.pool.connecting == 0)
  }

  /// Each of them would be connected within the failure of the one before: more than a stack holds.
  @Test func aVeryLongQueueBeforeATargetThatRefusesAtOnceIsEmptied() throws {
    let worker = try worker()
    var configuration = configuration(["http://a.test"])
    configuration.services["api"]?.connections.queue = 20_000
    configuration.services["api"]?.health.failures = 0
    worker.apply(configuration, listeners: [])
    let begun = try (0..<20_000).map { _ in try begin(worker) }
    let target = try #require(begun[0].0.lastTarget)
    #expect(target.pool.connecting == 1 && target.pool.waiting == 19_999)
    // Nobody can connect to the broadcast address: the kernel says so at once.
    let broadcast = try #require(IPAddress("255.255.255.255"))
    target.addressesChanged(.found([SocketAddress(ip: broadcast, port: 0)]))
    #expect(begun.allSatisfy { $0.1.status == 503 })
    #expect(target.pool.connecting == 0 && target.pool.waiting == 0)
    #expect(worker.snapshot.services["api"]?.state.inFlight == 0)
  }

  // MARK: What the log says

  @Test func aResponseThatTakesTooLongIsCutShort() throws {
    let worker = try worker()
    worker.apply(configuration(), listeners: [])
    let (exchange, caller) = try begin(worker)
    exchange.upstreamHead(ResponseHead())
    exchange.deadlineReached()
    #expect(caller.record?.error == .exchangeTimeout && caller.record?.isCutShort == true)
  }

  @Test func aBodyThatIsTooLargeCutsTheResponseShort() throws {
    let worker = try worker()
    var configuration = configuration()
    configuration.routes["all"]?.maxBodySize = ByteCount(1)
    worker.apply(configuration, listeners: [])
    let (exchange, caller) = try begin(
      worker, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    exchange.upstreamHead(ResponseHead())
    exchange.downstreamBody([1, 2].span)
    #expect(caller.record?.error == .bodyTooLarge && caller.record?.isCutShort == true)
  }

  @Test func theBodyThatHEADDoesNotGetIsNotCounted() throws {
    let worker = try worker()
    var sent: [UInt64] = []
    for method in ["HEAD", "GET"] {
      let (_, caller) = try begin(worker, "\(method) / HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(caller.status == 404)
      sent.append(try #require(caller.record?.sent))
    }
    #expect(sent[0] == 0 && sent[1] > 0)
  }
}
