public import SluiceConfiguration
import SluiceReactor
import SluiceWire

extension Configuration.Mirror: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy {
    guard let destination = context.services[service] else {
      preconditionFailure("the configuration was not checked")
    }
    return CompiledMirror(
      self, CompiledRoute(calling: destination, timeout: timeout),
      context.shared("places") { MirrorPlaces() }, context.worker.loop)
  }
}

/// Sends copies of requests to another service, which the caller never notices.
///
/// ```
/// request ─▶ chosen? ─▶ a place? ─▶ no body, or collected ──────────────▶ an exchange of its own,
///                                   a body: copied as it passes ─▶ whole ┘ for nobody
/// ```
///
/// A copy has the head and the edits that the request has by then. It holds its place, and with it its
/// share of the memory, until its exchange is over; the timeout sees to that, as it does before to callers
/// who take their time to send a body.
final class CompiledMirror: CompiledPolicy {
  private let percent: UInt64
  private let maxBodySize: Int
  private let maxInFlight: Int
  private let destination: CompiledRoute
  private let places: MirrorPlaces
  private let uploads: MirrorUploads

  init(
    _ settings: Configuration.Mirror, _ destination: CompiledRoute, _ places: MirrorPlaces,
    _ loop: EventLoop
  ) {
    uploads = MirrorUploads(timeout: settings.timeout.nanoseconds, loop)
    percent = UInt64(settings.percent)
    maxBodySize = settings.maxBodySize.bytes
    maxInFlight = settings.maxInFlight
    self.destination = destination
    self.places = places
  }

  /// The end is that of copies.
  override var phases: PolicyPhases { [.request, .end] }

  override func request(_ exchange: Exchange) -> PolicyOutcome {
    if exchange.wantsUpgrade || exchange.worker.random.next() % 100 >= percent { return .next }
    if case .length(let count) = exchange.requestFraming, count > UInt64(maxBodySize) {
      isTooLarge(exchange)
      return .next
    }
    guard let place = places.take(limit: maxInFlight) else {
      exchange.worker.counters.mirrored.busy &+= 1
      return .next
    }
    if exchange.requestFraming.isEmpty {
      send(exchange, ByteBuffer(), place)
    } else if exchange.isBodyCollected {
      var body = ByteBuffer()
      exchange.withCollectedBody { body.append($0) }
      send(exchange, body, place)
    } else {
      let copy = MirrorCopy(self, exchange, place, limit: maxBodySize)
      uploads.add(copy)
      exchange.addRequestFilter(copy, keepsLength: true)
    }
    return .next
  }

  override func retired() { uploads.end() }

  fileprivate func isTooLarge(_ exchange: Exchange) {
    exchange.worker.counters.mirrored.tooLarge &+= 1
  }

  fileprivate func send(
    _ exchange: Exchange, _ body: consuming ByteBuffer, _ place: MirrorPlace
  ) {
    let copy = exchange.worker.takeExchange()
    guard
      copy.prepareCopy(
        of: exchange, to: destination, body: body,
        policies: PolicyChain(only: self, Configuration.Mirror.policyName))
    else { return exchange.worker.giveBack(copy) }
    copy.setNote(place, of: self)
    copy.forward()
  }

  override func finished(_ exchange: Exchange) {
    guard exchange.record.isBackground else { return }
    if exchange.record.error != nil || exchange.record.status >= 500 {
      exchange.worker.counters.mirrored.failed &+= 1
    } else {
      exchange.worker.counters.mirrored.answered &+= 1
    }
  }
}

/// Copies a body on its way to the target; the copy is sent when it is whole, and dropped with the
/// exchange when that ends before.
final class MirrorCopy: BodyFilter {
  private let policy: CompiledMirror
  private weak var exchange: Exchange?
  /// Nil when the copy was sent or given up.
  private var place: MirrorPlace?
  private let limit: Int
  private var body = ByteBuffer()

  fileprivate init(
    _ policy: CompiledMirror, _ exchange: Exchange, _ place: MirrorPlace, limit: Int
  ) {
    self.policy = policy
    self.exchange = exchange
    self.place = place
    self.limit = limit
  }

  /// Whether it still waits for the body's end.
  var isPending: Bool { place != nil }

  /// The caller has had its time; the request itself goes on.
  func giveUp() {
    guard place != nil else { return }
    place = nil
    body.release()
    if let exchange { exchange.worker.counters.mirrored.late &+= 1 }
  }

  override func filter(
    _ bytes: Span<UInt8>, isLast: Bool, into output: inout ByteBuffer
  ) -> Result {
    guard let place, let exchange else { return .unchanged }
    if body.count + bytes.count > limit {
      self.place = nil
      body.release()
      policy.isTooLarge(exchange)
      return .unchanged
    }
    body.append(bytes)
    if isLast {
      self.place = nil
      var whole = ByteBuffer()
      swap(&whole, &body)
      policy.send(exchange, whole, place)
    }
    return .unchanged
  }
}
