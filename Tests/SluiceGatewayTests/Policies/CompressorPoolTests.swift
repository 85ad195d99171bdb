import SluiceWire
import Testing

@testable import SluiceGateway

@Suite struct CompressorPoolTests {
  @Test func theBudgetHolds() {
    let pool = CompressorPool(level: 5, budget: 4 << 20)
    var taken: [Compressor] = []
    while let compressor = pool.take(.gzip) { taken.append(compressor) }
    #expect(taken.count == (4 << 20) / Compressor.cost(of: .gzip))
    #expect(pool.take(.br) == nil)
    for compressor in taken { pool.giveBack(compressor, of: .gzip) }
    // A few wait for more; they make room for what is asked for.
    #expect(pool.used == 4 * Compressor.cost(of: .gzip))
    let other = pool.take(.br)
    #expect(other != nil)
    #expect(pool.used == 4 * Compressor.cost(of: .gzip) + Compressor.cost(of: .br))
    #expect(pool.take(.br) == nil)
    #expect(pool.used == Compressor.cost(of: .br))
    if let other { pool.giveBack(other, of: .br) }
    #expect(pool.used == 0)
  }

  @Test(arguments: ContentCoding.allCases)
  func aFilterGivesBackWhatItHas(coding: ContentCoding) throws {
    let pool = CompressorPool(level: 1, budget: 4 << 20)
    for isWhole in [true, false] {
      let filter = CompressionFilter(
        pool, coding, try #require(pool.take(coding)), isFlushed: false)
      var output = ByteBuffer()
      let text = [UInt8](repeating: 0x61, count: 100_000)
      guard case .replaced = filter.filter(text.span, isLast: isWhole, into: &output) else {
        Issue.record("refused")
        return
      }
      #expect(output.count < 1_000)
    }
    // Both are free again, also the one whose body never ended.
    #expect(pool.used <= 4 * Compressor.cost(of: coding))
    #expect(pool.take(coding) != nil)
  }
}

@Suite struct MediaTypeSetTests {
  @Test func typesMatch() {
    let types = MediaTypeSet(["text/*", "application/json", "*+xml"])
    func matches(_ text: String) -> Bool { types.contains(Array(text.utf8).span) }
    for good in [
      "text/plain", "TEXT/HTML; charset=utf-8", "application/json", "Application/JSON ;a=b",
      "image/svg+xml", "text/",
    ] { #expect(matches(good), "\(good)") }
    for bad in ["", "image/png", "application/json2", "application/jso", "+xml", "xtext/plain"] {
      #expect(!matches(bad), "\(bad)")
    }
    func names(_ text: String) -> Bool { types.names(Array(text.utf8).span) }
    #expect(names("application/json;x"))
    #expect(!names("text/plain"))
  }
}
