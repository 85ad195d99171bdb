import SluiceWire

/// The compressors of one policy on one worker, within its budget of memory; a few are kept for the
/// next body, because to set one up costs as much as to compress a small response.
final class CompressorPool {
  private let level: Int
  private let budget: Int
  /// Of compressors in use and of idle ones.
  private(set) var used = 0
  private var idle: [ContentCoding: [Compressor]] = [:]

  private static let mostIdle = 4

  init(level: Int, budget: Int) {
    self.level = level
    self.budget = budget
  }

  /// Nil when the budget is used up.
  func take(_ coding: ContentCoding) -> Compressor? {
    if let compressor = idle[coding]?.popLast() { return compressor }
    let cost = Compressor.cost(of: coding)
    if used + cost > budget { dropIdle() }
    guard used + cost <= budget, let compressor = Compressor.make(coding, level: level) else {
      return nil
    }
    used += cost
    return compressor
  }

  func giveBack(_ compressor: Compressor, of coding: ContentCoding) {
    if idle[coding, default: []].count < Self.mostIdle, compressor.restart() {
      idle[coding, default: []].append(compressor)
    } else {
      used -= compressor.cost
    }
  }

  private func dropIdle() {
    for compressors in idle.values { used -= compressors.reduce(0) { $0 + $1.cost } }
    idle = [:]
  }
}

/// One response's body on its way through a compressor.
final class CompressionFilter: BodyFilter {
  private let pool: CompressorPool
  private let coding: ContentCoding
  private var compressor: Compressor?
  /// Every piece goes out at once.
  private let isFlushed: Bool

  init(_ pool: CompressorPool, _ coding: ContentCoding, _ compressor: Compressor, isFlushed: Bool) {
    self.pool = pool
    self.coding = coding
    self.compressor = compressor
    self.isFlushed = isFlushed
  }

  deinit { end() }

  override func filter(
    _ bytes: Span<UInt8>, isLast: Bool, into output: inout ByteBuffer
  ) -> Result {
    guard let compressor else { return .refused(.internalError) }
    guard compressor.compress(bytes, isLast ? .end : isFlushed ? .piece : .none, into: &output)
    else { return .refused(.internalError) }
    if isLast { end() }
    return .replaced
  }

  private func end() {
    if let compressor { pool.giveBack(compressor, of: coding) }
    compressor = nil
  }
}
