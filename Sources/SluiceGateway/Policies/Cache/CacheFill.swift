import SluiceReactor
import SluiceWire

/// A request that goes to a target because nothing good is stored: what its response is stored from,
/// and who waits for it.
///
/// The note of the exchange and, once the response turns out to be storable, a filter that copies its
/// body on the way to the caller. Only a body that came whole is stored.
final class CacheFill: BodyFilter {
  let key: CacheKey
  /// Both keys: which of them the response is stored under, the response decides.
  private let ownedKey: CacheKey.Stored
  private let sharedKey: CacheKey.Stored
  let request: CacheRules.Request
  /// What is stored and not fresh.
  let stale: CacheEntry?
  let began: MonotonicTime
  private let flight: CacheFlight?
  private let epoch: UInt64
  private let policy: CompiledCache
  /// The stored response is sent in the place of the target's.
  var isServing = false
  var isBackground = false

  private var hasLanded = false
  private var isCollecting = false
  private var body = ByteBuffer()
  private var reserved = 0
  private var draft: Draft?
  /// Tells the time. Not the exchange itself: an object that was ever referred to weakly counts its
  /// references in a slower way from then on, and exchanges are used again.
  private let loop: EventLoop

  private static let step = 64 * 1_024

  /// An entry but for its body.
  private struct Draft {
    let variances: [CacheEntry.Variance]
    let tags: [[UInt8]]
    let freshness: CacheFreshness
    let storedAt: MonotonicTime
    let expected: UInt64?
  }
  private var draftHead = ResponseHead()

  init(
    policy: CompiledCache, key: CacheKey, owned: CacheKey.Stored, shared: CacheKey.Stored,
    boarding: CacheStore.Boarding, request: CacheRules.Request, stale: CacheEntry?,
    loop: EventLoop
  ) {
    self.policy = policy
    self.key = key
    ownedKey = owned
    sharedKey = shared
    self.request = request
    self.stale = stale
    self.loop = loop
    began = loop.now
    epoch = boarding.epoch
    if case .leads(let flight) = boarding.part { self.flight = flight } else { flight = nil }
  }

  /// Whoever waits goes on.
  func land() {
    if hasLanded { return }
    hasLanded = true
    if let flight { policy.store.land(flight, of: key) }
  }

  /// Begins to collect; false when the response can't be stored after all.
  func collect(
    _ head: borrowing ResponseHead, _ exchange: Exchange, _ freshness: CacheFreshness,
    _ variances: [CacheEntry.Variance], _ tags: [[UInt8]]
  ) -> Bool {
    var expected: UInt64?
    switch head.framing {
    // Nobody could tell whether it was cut short.
    case .untilClose: return false
    case .none: expected = 0
    case .length(let count):
      guard count <= UInt64(policy.maxObjectSize) else { return false }
      expected = count
    case .chunked: break
    }
    guard reserve(expected.map { Int($0) } ?? Self.step) else { return false }
    body.reserve(expected.map { Int($0) } ?? 0)
    draft = Draft(
      variances: variances, tags: tags, freshness: freshness, storedAt: exchange.loop.now,
      expected: expected)
    // The length is known at the end only; what matters now is that the head can be stored at all.
    guard
      let stored = CacheHead.stored(
        head, length: Int(expected ?? 0), date: exchange.worker.date)
    else { return false }
    draftHead = stored
    // Nothing comes behind this head that a filter could see the end of.
    if head.framing == .none {
      complete()
      return true
    }
    isCollecting = true
    exchange.addResponseFilter(self, keepsLength: true)
    return true
  }

  override func filter(
    _ bytes: Span<UInt8>, isLast: Bool, into output: inout ByteBuffer
  ) -> Result {
    guard isCollecting else { return .unchanged }
    let count = body.count + bytes.count
    if count > policy.maxObjectSize || count > reserved && !reserve(max(bytes.count, Self.step)) {
      policy.store.pass(key, now: loop.now)
      end()
      return .unchanged
    }
    body.append(bytes)
    if isLast { complete() }
    return .unchanged
  }

  private func complete() {
    if let draft, draft.expected ?? UInt64(body.count) == UInt64(body.count),
      let head = finalHead(), let notModified = CacheHead.notModified(head)
    {
      // Growing has left up to as much room as there are bytes; what is copied elsewhere leaves it behind.
      var exact = ByteBuffer()
      if body.count < StoredBody.fewestPieceBytes, body.allocatedBytes > body.count + body.count / 4
      {
        exact.reserve(body.count)
        exact.append(body.span)
      } else {
        swap(&exact, &body)
      }
      let entry = CacheEntry(
        key: storedKey(draft.freshness), variances: draft.variances, head: head,
        notModified: notModified, body: StoredBody(exact, in: policy.store.file), tags: draft.tags,
        freshness: draft.freshness, storedAt: draft.storedAt)
      policy.store.insert(entry, began: epoch, maxVariants: policy.maxVariants)
    }
    end()
  }

  private func finalHead() -> ResponseHead? {
    CacheHead.refreshed(draftHead, by: ResponseHead(), length: body.count)
  }

  private func storedKey(_ freshness: CacheFreshness) -> CacheKey.Stored {
    freshness.isForEveryone ? sharedKey : ownedKey
  }

  /// The stale response is still good: stores it anew.
  func refresh(
    _ stale: CacheEntry, by head: borrowing ResponseHead, _ freshness: CacheFreshness,
    now: MonotonicTime
  ) -> CacheEntry? {
    guard
      let fresh = CacheHead.refreshed(stale.head, by: head, length: stale.body.count),
      let notModified = CacheHead.notModified(fresh)
    else { return nil }
    let entry = CacheEntry(
      key: stale.key, variances: stale.variances, head: fresh, notModified: notModified,
      body: stale.body, tags: stale.tags, freshness: freshness, storedAt: now)
    policy.store.insert(entry, began: epoch, maxVariants: policy.maxVariants)
    return entry
  }

  private func reserve(_ bytes: Int) -> Bool {
    guard policy.store.reserve(bytes) else { return false }
    reserved += bytes
    return true
  }

  /// Over, one way or the other; called at the end of the exchange at the latest.
  func end() {
    isCollecting = false
    if reserved > 0 { policy.store.release(reserved) }
    reserved = 0
    body.release()
    draft = nil
    land()
  }
}
