import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// A text that depends on the request; one per worker. One `append` costs at most a run of each of its regular
/// expressions, each within PCRE2's limits.
///
/// An expression that gives up tells nothing, and whatever were written would be a guess that may open what an
/// operator has closed. So nothing is written, and `ExchangeRecord.hasReachedRegexLimit` says that the request
/// is to be refused.
final class CompiledVariable {
  private let from: CompiledTemplate
  /// Whether what groups match may stand in a URL as it is.
  private let isOfURL: Bool
  /// By the text in lower case.
  private let values: [[UInt8]: CompiledTemplate]
  private let regexes = RegexSet()
  private let patterns: [(regex: Int, value: GroupTemplate)]
  /// The narrowest first.
  private let ranges: [(range: CIDRSet, value: CompiledTemplate)]
  /// Of what the ranges are; nil for the caller's address.
  private let address: CompiledTemplate?
  /// Nil for none.
  private let proxies: CIDRSet?
  private let source: ClientAddress.Source
  /// Hashes below the first number, and so on.
  private let shares: [(end: UInt32, value: CompiledTemplate)]
  private let otherwise: CompiledTemplate

  /// Everything in `settings` must be valid.
  init(_ settings: Configuration.Variable) {
    from = CompiledTemplate(settings.from)
    isOfURL = from.isOfURL
    values = Dictionary(
      settings.values.map {
        (Array($0.key.utf8).map(\.asciiLowercased), CompiledTemplate($0.value))
      },
      uniquingKeysWith: { first, _ in first })
    var patterns: [(regex: Int, value: GroupTemplate)] = []
    for pattern in settings.patterns {
      guard let regex = try? regexes.add(pattern.regex) else { continue }
      patterns.append((regex, GroupTemplate(pattern.value)))
    }
    self.patterns = patterns
    ranges = settings.ranges.sorted { Self.width($0.key) > Self.width($1.key) }.compactMap {
      entry in
      CIDRSet(texts: [entry.key]).map { ($0, CompiledTemplate(entry.value)) }
    }
    address = settings.address.map { CompiledTemplate($0) }
    proxies = settings.proxies.isEmpty ? nil : CIDRSet(texts: settings.proxies)
    source = ClientAddress.Source(field: nil, isRecursive: settings.recursive)
    var sum: UInt64 = 0
    shares = settings.shares.map { share in
      sum += UInt64(share.share)
      // As in ngx_http_split_clients_module.
      return (UInt32(truncatingIfNeeded: sum * 0xFFFF_FFFF / 10_000), CompiledTemplate(share.value))
    }
    otherwise = CompiledTemplate(settings.otherwise)
  }

  /// The bits of a range's prefix; those of a lone address are all.
  private static func width(_ range: String) -> Int {
    range.split(separator: "/").dropFirst().first.flatMap { Int($0) } ?? 128
  }

  /// Runs of its regular expressions that reached PCRE2's limits.
  var regexLimitExceeded: UInt64 { regexes.limitExceeded }

  func append(
    _ exchange: Exchange, _ place: CompiledTemplate.Place, to output: inout ByteBuffer
  ) {
    if values.isEmpty && patterns.isEmpty && shares.isEmpty {
      return (range(of: exchange) ?? otherwise).append(exchange, place, to: &output)
    }
    var text = ByteBuffer()
    from.append(exchange, .field, to: &text)
    if !values.isEmpty, let value = values[text.copiedBytes().map(\.asciiLowercased)] {
      return value.append(exchange, place, to: &output)
    }
    for (regex, value) in patterns {
      if value.hasGroups {
        var groups: [Range<Int>?] = []
        switch regexes.captures(regex, text.span, into: &groups) {
        case .noMatch: continue
        case .limit:
          exchange.record.hasReachedRegexLimit = true
          return
        case .match: break
        }
        return value.append(
          exchange, place, groups, of: text.span,
          groupPlace: place == .url && !isOfURL ? .parameter : place, to: &output)
      }
      switch regexes.test(regex, text.span) {
      case .noMatch: continue
      case .limit:
        exchange.record.hasReachedRegexLimit = true
        return
      case .match: return value.append(exchange, place, [], of: text.span, to: &output)
      }
    }
    (range(of: exchange) ?? share(text.span)).append(exchange, place, to: &output)
  }

  private func share(_ text: Span<UInt8>) -> CompiledTemplate {
    if shares.isEmpty { return otherwise }
    let hash = MurmurHash2.hash(text)
    // A sum of all ten thousand takes the last hash, too.
    for (end, value) in shares where hash < end || end == 0xFFFF_FFFF { return value }
    return otherwise
  }

  private func range(of exchange: Exchange) -> CompiledTemplate? {
    guard !ranges.isEmpty, let address = address(of: exchange) else { return nil }
    return ranges.first { $0.range.contains(address) }?.value
  }

  /// What the ranges are of; nil for what is no address, such as one with a port.
  private func address(of exchange: Exchange) -> SocketAddress? {
    var result = exchange.clientAddress
    if let address {
      var text = ByteBuffer()
      address.append(exchange, .field, to: &text)
      guard let ip = IPAddress(text: text.span) else { return nil }
      result = SocketAddress(ip: ip, port: 0)
    }
    guard let proxies, proxies.contains(result) else { return result }
    return behind(result, proxies, exchange.request)
  }

  private func behind(
    _ address: SocketAddress, _ proxies: CIDRSet, _ head: borrowing RequestHead
  ) -> SocketAddress {
    ClientAddress.behindProxies(head, peer: address, source) { proxies.contains($0) }
  }
}

/// MurmurHash2 with the seed 0, as `ngx_murmur_hash2` computes it.
enum MurmurHash2 {
  static func hash(_ bytes: Span<UInt8>) -> UInt32 {
    let multiplier: UInt32 = 0x5BD1_E995
    var hash = UInt32(truncatingIfNeeded: bytes.count)
    var at = 0
    while bytes.count - at >= 4 {
      var word = UInt32(bytes[at]) | UInt32(bytes[at + 1]) << 8
      word |= UInt32(bytes[at + 2]) << 16 | UInt32(bytes[at + 3]) << 24
      word = word &* multiplier
      word ^= word >> 24
      word = word &* multiplier
      hash = hash &* multiplier ^ word
      at += 4
    }
    let rest = bytes.count - at
    if rest >= 3 { hash ^= UInt32(bytes[at + 2]) << 16 }
    if rest >= 2 { hash ^= UInt32(bytes[at + 1]) << 8 }
    if rest >= 1 {
      hash ^= UInt32(bytes[at])
      hash = hash &* multiplier
    }
    hash ^= hash >> 13
    hash = hash &* multiplier
    return hash ^ hash >> 15
  }
}
