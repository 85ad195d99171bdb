import Testing

@testable import SluiceWire

@Suite struct AcceptEncodingTests {
  private func accepted(_ fields: String..., offered: [ContentCoding] = [.zstd, .br, .gzip])
    -> [ContentCoding]
  {
    var accepted = AcceptEncoding()
    for field in fields { accepted.add(Array(field.utf8).span) }
    return accepted.acceptable(among: offered)
  }

  @Test func whatIsWantedMostComesFirst() {
    #expect(accepted("gzip") == [.gzip])
    #expect(accepted("gzip, deflate, br, zstd") == [.zstd, .br, .gzip])
    #expect(accepted("gzip;q=1.0, br;q=0.5") == [.gzip, .br])
    #expect(accepted("br;q=0.001,gzip ; q=0.01") == [.gzip, .br])
    #expect(accepted("x-gzip") == [.gzip])
    #expect(accepted("GZIP;Q=0.7") == [.gzip])
    #expect(accepted("br", "gzip") == [.br, .gzip])
    #expect(accepted("*") == [.zstd, .br, .gzip])
    #expect(accepted("*;q=0.5, br") == [.br, .zstd, .gzip])
    #expect(accepted("gzip, br", offered: [.zstd]) == [])
    #expect(accepted("gzip, br", offered: [.br, .gzip]) == [.br, .gzip])
  }

  @Test func zeroIsNo() {
    #expect(accepted("") == [])
    #expect(accepted("gzip;q=0") == [])
    #expect(accepted("gzip;q=0.000, *") == [.zstd, .br])
    #expect(accepted("*;q=0") == [])
    #expect(accepted("*;q=0, gzip") == [.gzip])
    #expect(accepted("gzip, gzip;q=0") == [])
    #expect(accepted("identity") == [])
    #expect(accepted("identity;q=1, gzip;q=0.5") == [])
    #expect(accepted("identity;q=0.5, gzip;q=0.5") == [.gzip])
    #expect(accepted("identity;q=0, gzip;q=0.1") == [.gzip])
  }

  @Test(arguments: [
    "gzip;q", "gzip;q=", "gzip;q=2", "gzip;q=1.001", "gzip;q=0.1234", "gzip;q=-1", "gzip;q=.5",
    "gzip;level=9", "gzip br", "gzip;", "br, gz\u{e9}ip", "\"gzip\"", "gzip;q=1;q=0", "gzip; q =1",
  ])
  func whatIsMalformedIsNothing(value: String) {
    #expect(accepted(value) == [])
    #expect(accepted("br", value) == [])
  }
}
