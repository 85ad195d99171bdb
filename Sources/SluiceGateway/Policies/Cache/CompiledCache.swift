import Glibc
public import SluiceConfiguration
import SluiceReactor
import SluiceWire

extension Configuration.Cache: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy {
    CompiledCache(self, context.worker.cache)
  }
}

/// Answers with stored responses, stores new ones, and lets requests wait for each other.
///
/// ```
/// request ─▶ key ─▶ fresh ───────────────────────────────────────▶ served from memory
///             │     stale, may be used meanwhile ─▶ a new one is fetched, served ┘ ▲
///             │     nothing good                                                  │
///             └─▶ somebody fetches it ─▶ waits ─▶ looks again ────────────────────┘
///                 nobody does ─▶ target ─▶ response: stored on its way │ 304 │ failure: stale
/// ```
final class CompiledCache: CompiledPolicy {
  let store: CacheStore
  let rules: CacheRules
  let maxObjectSize: Int
  let maxVariants: Int
  private let settings: Configuration.Cache
  /// Tells apart what other settings stored.
  private let scope: CacheScope
  private let keyHeaders: [[UInt8]]
  private let queryOnly: [[UInt8]]?
  private let queryIgnored: [[UInt8]]
  private let statusName: [UInt8]
  /// Callers know `X-Cache-Status`.
  private let tellsAsKong: Bool
  private let filter: CacheFilter
  private let notCached = PolicyRefusal(.notCached)
  private var key = CacheKey.Builder()
  private var scratch = ByteBuffer()

  /// How long a stale response is used without another attempt after one has failed.
  private static let restNanoseconds: Int64 = 1_000_000_000

  init(_ settings: Configuration.Cache, _ store: CacheStore) {
    self.settings = settings
    self.store = store
    rules = CacheRules(settings)
    maxObjectSize = settings.maxObjectSize.bytes
    maxVariants = settings.maxVariants
    scope = CacheScope(String(describing: settings))
    keyHeaders = settings.key.headers.map { Array($0.lowercased().utf8) }
    queryOnly = settings.key.queryOnly.map { $0.map { Array($0.utf8) } }
    queryIgnored = settings.key.queryIgnored.map { Array($0.utf8) }
    statusName = Array(settings.status.utf8)
    tellsAsKong = settings.fields == .kong
    filter = CacheFilter(settings)
  }

  override var phases: PolicyPhases { [.request, .response, .failure, .end] }

  // MARK: The request

  override func request(_ exchange: Exchange) -> PolicyOutcome {
    let method = exchange.request.method
    // What a policy has sent as something else is no GET to the target.
    if exchange.wantsUpgrade || method != .get && method != .head
      || exchange.requestEdits.method != nil
    {
      return tellsAsKong && !exchange.wantsUpgrade ? pass(exchange, "bypass", "method") : .next
    }
    filterQuery(exchange)
    let waitEnds = exchange.loop.now.advanced(byNanoseconds: settings.collapse.nanoseconds)
    return lookUp(exchange, waitEnds: waitEnds)
  }

  /// What is no part of the key does not reach the target.
  private func filterQuery(_ exchange: Exchange) {
    if queryOnly == nil && queryIgnored.isEmpty { return }
    exchange.editQuery { query, output in
      QueryParameters.append(query, to: &output) { name in
        if let queryOnly { return queryOnly.contains { name.equals($0.span) } }
        return !queryIgnored.contains { name.equals($0.span) }
      }
    }
  }

  private func lookUp(_ exchange: Exchange, waitEnds: MonotonicTime) -> PolicyOutcome {
    let request = CacheRequest(
      exchange.request, isForPage: exchange.internalRedirect?.isForPage == true)
    if request.isBypassed { return pass(exchange, "bypass", "bypass") }
    build(exchange, exchange.request)
    let now = exchange.loop.now
    let entry = find(exchange, request)
    if let entry {
      let age = entry.age(now: now)
      switch entry.freshness.use(age: age, request: settings.callerControl ? request.demands : nil)
      {
      case .fresh: return serve(entry, exchange, "hit")
      case .revalidateMeanwhile:
        revalidate(entry, exchange, request)
        return serve(entry, exchange, "stale")
      case .revalidate: if entry.isResting(now: now) { return serve(entry, exchange, "stale") }
      }
    }
    if request.control.contains(.onlyIfCached) { return .refuse(notCached) }
    if exchange.request.method == .head || request.control.contains(.noStore) {
      return pass(exchange, "miss", entry == nil ? "uri-miss" : "stale")
    }
    return fetch(exchange, request, entry, waitEnds: waitEnds)
  }

  /// The caller's own response, or one for all.
  private func find(_ exchange: Exchange, _ request: CacheRequest) -> CacheEntry? {
    let needsPublic =
      isForeign(request, exchange) && !settings.shared
      || request.hasCookies && !settings.ignoreCookies
    if key.isOwned,
      let entry = find(exchange, owned: true, needsPublic: needsPublic)
    {
      return entry
    }
    return find(exchange, owned: false, needsPublic: needsPublic || key.isOwned)
  }

  private func find(_ exchange: Exchange, owned: Bool, needsPublic: Bool) -> CacheEntry? {
    store.find(key.key(owned: owned)) { entry in
      if needsPublic && !entry.freshness.isForEveryone { return false }
      return key.matches(entry.key) && hasSameVariances(entry, exchange)
    }
  }

  /// Whether there are credentials that no policy here has looked at.
  private func isForeign(_ request: CacheRequest, _ exchange: Exchange) -> Bool {
    request.hasAuthorization && exchange.identity.map(\.isAnonymous) ?? true
  }

  private func hasSameVariances(_ entry: CacheEntry, _ exchange: Exchange) -> Bool {
    for variance in entry.variances {
      scratch.clear()
      exchange.appendSentValues(of: variance.name, to: &scratch)
      if !scratch.span.equals(variance.value.span) { return false }
    }
    return true
  }

  private func pass(
    _ exchange: Exchange, _ outcome: StaticString, _ reason: StaticString
  ) -> PolicyOutcome {
    exchange.record.cache = outcome
    addStatus(exchange) {
      $0.append("; fwd=")
      $0.append(reason)
    }
    return .next
  }

  /// To the target, unless somebody else is there for the same.
  private func fetch(
    _ exchange: Exchange, _ request: CacheRequest, _ stale: CacheEntry?, waitEnds: MonotonicTime
  ) -> PolicyOutcome {
    let now = exchange.loop.now
    // Who would get a response for all waits for one of these.
    let isOwned = key.isOwned && stale?.key.isOwned ?? true
    let flightKey = key.key(owned: isOwned)
    let waiter =
      waitEnds > now
      ? CacheFlight.Waiter(mailbox: exchange.loop.mailbox, token: exchange.token, use: exchange.use)
      : nil
    let boarding = store.board(flightKey, waiter, now: now)
    if case .waits = boarding.part {
      let rest = Timespan(nanoseconds: waitEnds.nanoseconds(since: now))
      return exchange.park(atMost: rest) { [self] exchange, isWoken in
        lookUp(exchange, waitEnds: isWoken ? waitEnds : exchange.loop.now)
      }
    }
    // Between the look-up and the boarding another worker may have stored it, and landed.
    if case .leads(let flight) = boarding.part, find(exchange, request) !== stale {
      store.land(flight, of: flightKey)
      return lookUp(exchange, waitEnds: waitEnds)
    }
    let fill = fill(exchange, request, stale, flightKey, boarding)
    exchange.record.cache = stale == nil ? "miss" : "expired"
    exchange.setNote(fill, of: self)
    if !boarding.isPassed || stale != nil { makeConditional(exchange, on: stale) }
    return .next
  }

  private func fill(
    _ exchange: Exchange, _ request: CacheRequest, _ stale: CacheEntry?, _ flightKey: CacheKey,
    _ boarding: CacheStore.Boarding
  ) -> CacheFill {
    let facts = CacheRules.Request(
      hasForeignCredentials: isForeign(request, exchange), hasCookies: request.hasCookies,
      isNoStore: request.control.contains(.noStore))
    return CacheFill(
      policy: self, key: flightKey, owned: key.stored(owned: key.isOwned),
      shared: key.stored(owned: false), boarding: boarding, request: facts, stale: stale,
      loop: exchange.loop)
  }

  /// Asks for the whole response, or whether what is stored is still good. What the caller has itself
  /// is looked at when the response is here.
  private func makeConditional(_ exchange: Exchange, on stale: CacheEntry?) {
    exchange.dropRequestFields(named: Self.ifNoneMatch)
    exchange.dropRequestFields(named: Self.ifModifiedSince)
    guard let stale else { return }
    exchange.requestEdits.add {
      Self.append("If-None-Match", .etag, of: stale.head, to: &$0)
      Self.append("If-Modified-Since", .lastModified, of: stale.head, to: &$0)
    }
  }

  private static func append(
    _ name: StaticString, _ known: FieldName, of head: borrowing ResponseHead,
    to lines: inout ByteBuffer
  ) {
    guard let index = head.onlyIndex(of: known) else { return }
    lines.appendField(name, head.span(head.fields[index].value))
  }

  /// Fetches a new response while the stale one is being served; one at a time.
  private func revalidate(_ entry: CacheEntry, _ exchange: Exchange, _ request: CacheRequest) {
    guard exchange.request.method == .get else { return }
    let now = exchange.loop.now
    let flightKey = CacheKey(hash: entry.key.hash, group: entry.key.group)
    let boarding = store.board(flightKey, nil, now: now)
    guard case .leads(let flight) = boarding.part else { return }
    if find(exchange, request) !== entry { return store.land(flight, of: flightKey) }
    let fill = fill(exchange, request, entry, flightKey, boarding)
    fill.isBackground = true
    let background = exchange.worker.takeExchange()
    let policies = PolicyChain(only: self, Configuration.Cache.policyName)
    guard background.prepareInBackground(like: exchange, policies: policies) else {
      exchange.worker.giveBack(background)
      return store.land(flight, of: flightKey)
    }
    background.setNote(fill, of: self)
    makeConditional(background, on: entry)
    background.forward()
  }

  // MARK: The response

  override func response(
    _ head: borrowing ResponseHead, _ exchange: Exchange
  ) -> PolicyOutcome {
    guard let fill = exchange.note(of: self) as? CacheFill else {
      if !exchange.sentMethod.isSafe && (200..<400).contains(head.status) {
        build(exchange, exchange.request)
        store.invalidate(group: key.key(owned: false).group)
      }
      return .next
    }
    if fill.isServing { return .next }
    if let stale = fill.stale {
      if head.status == 304 { return confirmed(stale, fill, head, exchange) }
      if head.status >= 500, head.status != 501, isUsable(stale, exchange) {
        return serveAfterError(stale, fill, head, exchange)
      }
    }
    take(head, fill, exchange)
    return .next
  }

  /// The target's response goes to the caller, and into the store if it may.
  private func take(_ head: borrowing ResponseHead, _ fill: CacheFill, _ exchange: Exchange) {
    let facts = CacheRules.Response(head)
    let now = exchange.loop.now
    let delay = now.nanoseconds(since: fill.began)
    var isStored = false
    if filter.admits(head),
      case .store(let freshness) = rules.decide(
        facts, fill.request, now: Self.unixTime, delay: delay),
      head.firstIndex(of: .contentRange) == nil, let variances = variances(head, exchange)
    {
      isStored = fill.collect(head, exchange, freshness, variances, CacheTags.read(head))
    }
    if !isStored && tellsAsKong { exchange.record.cache = "bypass" }
    addStatus(exchange) {
      $0.append(fill.stale == nil ? "; fwd=uri-miss" : "; fwd=stale")
      if isStored { $0.append("; stored") }
    }
    if isStored { return }
    // Whoever waits must not wait for another such response.
    if head.status < 500 { store.pass(fill.key, now: now) }
    if let stale = fill.stale, head.status < 500 { store.remove(stale) }
    fill.end()
  }

  /// What the request had for the fields in Vary; nil when it can't be stored with them.
  private func variances(
    _ head: borrowing ResponseHead, _ exchange: Exchange
  ) -> [CacheEntry.Variance]? {
    guard head.firstIndex(of: .vary) != nil else { return [] }
    var joined = ByteBuffer()
    head.appendValues(of: .vary, to: &joined)
    guard let names = CacheVary.names(joined.span) else { return nil }
    return names.map { name in
      var value = ByteBuffer()
      exchange.appendSentValues(of: name, to: &value)
      return CacheEntry.Variance(name: name, value: value.copiedBytes())
    }
  }

  /// 304: what is stored is good again.
  private func confirmed(
    _ stale: CacheEntry, _ fill: CacheFill, _ head: borrowing ResponseHead, _ exchange: Exchange
  ) -> PolicyOutcome {
    let now = exchange.loop.now
    var entry = stale
    if let merged = CacheHead.refreshed(stale.head, by: head, length: stale.body.count) {
      var facts = CacheRules.Response(merged)
      facts.age = CacheRules.Response(head).age
      let decision = rules.decide(
        facts, fill.request, now: Self.unixTime, delay: now.nanoseconds(since: fill.began))
      if case .store(let freshness) = decision,
        let fresh = fill.refresh(stale, by: head, freshness, now: now)
      {
        entry = fresh
      } else {
        store.remove(stale)
      }
    }
    fill.end()
    if fill.isBackground { return .next }
    fill.isServing = true
    exchange.record.cache = "revalidated"
    return serve(entry, exchange, nil, instead: head)
  }

  private func isUsable(_ stale: CacheEntry, _ exchange: Exchange) -> Bool {
    stale.freshness.isUsableAfterError(age: stale.age(now: exchange.loop.now))
  }

  private func serveAfterError(
    _ stale: CacheEntry, _ fill: CacheFill, _ head: borrowing ResponseHead, _ exchange: Exchange
  ) -> PolicyOutcome {
    rest(stale, fill, exchange)
    if fill.isBackground { return .next }
    return serve(stale, exchange, "stale", instead: head)
  }

  override func failed(_ error: GatewayError, _ exchange: Exchange) -> PolicyOutcome {
    guard let fill = exchange.note(of: self) as? CacheFill, let stale = fill.stale,
      !fill.isServing, isUsable(stale, exchange)
    else { return .next }
    rest(stale, fill, exchange)
    return fill.isBackground ? .next : serve(stale, exchange, "stale")
  }

  private func rest(_ stale: CacheEntry, _ fill: CacheFill, _ exchange: Exchange) {
    stale.rest(until: exchange.loop.now.advanced(byNanoseconds: Self.restNanoseconds))
    fill.isServing = true
    fill.end()
  }

  override func finished(_ exchange: Exchange) { (exchange.note(of: self) as? CacheFill)?.end() }

  private static var unixTime: Int64 {
    var clock = timespec()
    clock_gettime(CLOCK_REALTIME, &clock)
    return Int64(clock.tv_sec)
  }

  // MARK: Serving

  private func serve(_ entry: CacheEntry, _ exchange: Exchange, _ outcome: StaticString?)
    -> PolicyOutcome
  {
    announce(entry, exchange, outcome)
    exchange.serve(entry, isNotModified: isNotModified(entry, exchange))
    return .handled
  }

  private func serve(
    _ entry: CacheEntry, _ exchange: Exchange, _ outcome: StaticString?,
    instead head: borrowing ResponseHead
  ) -> PolicyOutcome {
    announce(entry, exchange, outcome)
    exchange.serve(entry, isNotModified: isNotModified(entry, exchange), instead: head)
    return .handled
  }

  /// `outcome` is nil for what the target has just confirmed.
  private func announce(_ entry: CacheEntry, _ exchange: Exchange, _ outcome: StaticString?) {
    let age = entry.age(now: exchange.loop.now)
    if let outcome { exchange.record.cache = outcome }
    exchange.responseEdits.add { $0.appendField("Age", decimal: UInt64(age / 1_000_000_000)) }
    addStatus(exchange) {
      if outcome == nil { return $0.append("; fwd=stale; fwd-status=304") }
      $0.append("; hit; ttl=")
      let rest = (entry.freshness.lifetime - age) / 1_000_000_000
      if rest < 0 { $0.append(0x2D) }
      $0.append(decimal: rest.magnitude)
    }
  }

  /// RFC 9110 13.2.2: If-None-Match before If-Modified-Since.
  private func isNotModified(_ entry: CacheEntry, _ exchange: Exchange) -> Bool {
    // A page in the place of a failure is not what the caller has.
    entry.head.status == 200 && exchange.internalRedirect?.isForPage != true
      && Self.isNotModified(exchange.request, entry.head, entry.lastModified)
  }

  private static func isNotModified(
    _ head: borrowing RequestHead, _ stored: borrowing ResponseHead, _ lastModified: Int64?
  ) -> Bool {
    if head.firstIndex(of: .ifNoneMatch) != nil {
      guard let tag = stored.onlyIndex(of: .etag) else { return false }
      let value = stored.span(stored.fields[tag].value)
      for field in head.fields where field.known == .ifNoneMatch {
        if EntityTag.list(head.span(field.value), contains: value) { return true }
      }
      return false
    }
    guard let index = head.onlyIndex(of: .ifModifiedSince), let modified = lastModified,
      let since = HTTPDateSyntax.seconds(head.span(head.fields[index].value))
    else { return false }
    return modified <= since
  }

  /// RFC 9211.
  private func addStatus(_ exchange: Exchange, _ parameters: (inout ByteBuffer) -> Void) {
    if statusName.isEmpty { return }
    if tellsAsKong {
      return exchange.responseEdits.add {
        $0.append("X-Cache-Status: ")
        $0.append(Self.kongStatus(exchange.record.cache))
        $0.appendLineEnd()
      }
    }
    exchange.responseEdits.add { lines in
      lines.append("Cache-Status: ")
      lines.append(statusName)
      parameters(&lines)
      lines.appendLineEnd()
    }
  }

  /// kong/plugins/proxy-cache/handler.lua.
  private static func kongStatus(_ outcome: StaticString?) -> StaticString {
    switch outcome?.description {
    case "hit", "stale": "Hit"
    case "miss": "Miss"
    case "expired", "revalidated": "Refresh"
    default: "Bypass"
    }
  }

  // MARK: The key

  private func build(_ exchange: Exchange, _ head: borrowing RequestHead) {
    key.clear()
    if let authority = head.authority { key.append(lowercased: head.span(authority)) }
    exchange.withPath { key.append($0) }
    key.endGroup()
    // As targets get it: also a question mark with nothing behind it, unless a policy wrote the query.
    let isMarked = head.query != nil && !exchange.requestEdits.hasQuery
    exchange.withQuery { query in
      if query.isEmpty && !isMarked { return }
      key.append(0x3F)
      key.append(query)
    }
    key.endURL()
    if exchange.requestEdits.hasPath {
      // A policy wrote it, maybe from what is no part of the URL.
      scratch.clear()
      exchange.appendSentPath(to: &scratch)
      key.appendCounted(scratch.span)
    }
    key.append(exchange.route?.cacheScope ?? .none)
    key.append(scope)
    key.appendCounted(exchange.listener.nameBytes)
    exchange.appendForwardedKey(to: &key)
    for name in keyHeaders {
      scratch.clear()
      exchange.appendSentValues(of: name, to: &scratch)
      key.appendCounted(scratch.span)
    }
    key.endShared()
    guard !settings.shared, let identity = exchange.identity else { return }
    key.appendCounted(identity.upstreamFields)
    key.appendCounted(identity.credential)
    for claim in identity.claims {
      key.appendCounted(claim.name)
      key.appendCounted(claim.value)
      for word in claim.words { key.appendCounted(word) }
      key.append(0x3B)
    }
  }

  private static let ifNoneMatch = Array("if-none-match".utf8)
  private static let ifModifiedSince = Array("if-modified-since".utf8)
}
