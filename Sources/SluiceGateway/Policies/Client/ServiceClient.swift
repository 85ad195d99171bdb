import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// A request of the gateway's own.
struct ClientRequest: ~Copyable {
  var method: StaticString = "GET"
  /// Path and query.
  var target: [UInt8]
  /// Whole header lines, without those that frame the body.
  var lines = ByteBuffer()
  var body: [UInt8] = []
  /// A response that is longer than its limit is good for what came of it, instead of a failure.
  var takesPart = false
}

/// What the service answered, whole.
struct ClientResponse {
  var status: Int
  var fields: [(name: [UInt8], value: [UInt8])]
  var body: [UInt8]
  var trailers: [(name: [UInt8], value: [UInt8])] = []

  /// The first value of a field, ignoring case.
  func value(_ name: [UInt8]) -> [UInt8]? {
    fields.first { $0.name.span.equalsIgnoringCase(name) }?.value
  }

  /// The first value of a trailer, and without that of a field, ignoring case.
  func last(_ name: [UInt8]) -> [UInt8]? {
    trailers.first { $0.name.span.equalsIgnoringCase(name) }?.value ?? value(name)
  }
}

enum ClientResult {
  case response(ClientResponse)
  /// No response, or one that is too large or broken off.
  case failed(GatewayError)
}

/// Calls a service on the gateway's own behalf: over the same pools, with the same health, balancing and
/// retries as callers' requests. Such calls are not in the access log and not in the routes' counters.
///
/// Belongs to a worker. Calls never outlive their timeout, so whoever waits need not cancel.
final class ServiceClient {
  private let worker: Worker
  private let route: CompiledRoute

  init(_ service: UpstreamService, timeout: Timespan, worker: Worker) {
    self.worker = worker
    route = CompiledRoute(calling: service, timeout: timeout)
  }

  /// `done` is called once, on this thread, maybe before this returns. A response of more than `limit`
  /// bytes is a failure.
  func send(_ request: consuming ClientRequest, limit: Int, done: @escaping (ClientResult) -> Void)
  {
    let exchange = worker.takeExchange()
    // In the old version a request needs no Host, so that targets get that of their service.
    var head = ByteBuffer()
    head.append(request.method)
    head.append(0x20)
    head.append(request.target)
    head.append(" HTTP/1.0\r\n")
    head.append(request.lines.span)
    if !request.body.isEmpty {
      head.appendField("Content-Length", decimal: UInt64(request.body.count))
    }
    head.append("\r\n")
    do throws(HeadError) {
      try exchange.request.parse(
        head.span, limits: HeadLimits(bytes: 65_535, fields: 512, target: 16_384))
    } catch {
      worker.giveBack(exchange)
      return done(.failed(.internalError))
    }
    let call = ServiceCall(exchange, limit: limit, takesPart: request.takesPart, done)
    exchange.call(route, body: request.body, for: call)
  }
}

/// The caller's side of a call: gathers the response.
private final class ServiceCall: DownstreamStream {
  private let limit: Int
  private let takesPart: Bool
  private var done: ((ClientResult) -> Void)?
  private weak var exchange: Exchange?
  private var response = ClientResponse(status: 0, fields: [], body: [])

  init(
    _ exchange: Exchange, limit: Int, takesPart: Bool, _ done: @escaping (ClientResult) -> Void
  ) {
    self.exchange = exchange
    self.limit = limit
    self.takesPart = takesPart
    self.done = done
  }

  private func finish(_ result: ClientResult) {
    let done = self.done
    self.done = nil
    done?(result)
  }

  var responseBacklog: Int { 0 }
  func sendInformational(_ head: borrowing ResponseHead) {}
  func sendContinue() {}

  func sendHead(_ head: borrowing ResponseHead, of exchange: Exchange) {
    response.status = head.status
    for field in head.fields where !field.isHopByHop {
      response.fields.append(
        (Self.bytes(head.span(field.name)), Self.bytes(head.span(field.value))))
    }
  }

  private static func bytes(_ span: Span<UInt8>) -> [UInt8] {
    span.withUnsafeBufferPointer { Array($0) }
  }

  func sendBody(_ bytes: Span<UInt8>) {
    if done == nil { return }
    if response.body.count + bytes.count > limit {
      finish(takesPart ? .response(response) : .failed(.upstreamMalformed))
      exchange?.downstreamGone()
      return
    }
    bytes.withUnsafeBufferPointer { response.body.append(contentsOf: $0) }
  }

  func sendEnd(_ trailers: borrowing TrailerSection) {
    for field in trailers.fields {
      response.trailers.append(
        (Self.bytes(trailers.span(field.name)), Self.bytes(trailers.span(field.value))))
    }
    finish(.response(response))
  }

  func sendAnswer(_ answer: LocalAnswer, of exchange: Exchange) {
    finish(.failed(exchange.record.error ?? .internalError))
  }

  func abortResponse() { finish(.failed(exchange?.record.error ?? .upstreamReset)) }

  func resumeRequestBody() {}
  func pauseRequestBody() {}
  func sendAnswerHead(_ answer: LocalAnswer, of exchange: Exchange) {
    sendAnswer(answer, of: exchange)
  }
  // A call never asks for an upgrade, so no 101 is an answer to it.
  var acceptor: HTTPListener { preconditionFailure("a call has no listener") }
  func handOver(to session: Session) {}
  func deliverEarly(to session: Session) {}
}

extension PolicyContext {
  /// A client for a service of the configuration, or for the server of a URL that the policy's settings
  /// name in `urls`; nil when there is no such service.
  func client(service: String, timeout: Timespan) -> ServiceClient? {
    services[service].map { ServiceClient($0, timeout: timeout, worker: worker) }
  }

  func client(url: String, timeout: Timespan) -> ServiceClient? {
    Configuration.serviceName(ofURL: url).flatMap { client(service: $0, timeout: timeout) }
  }
}
