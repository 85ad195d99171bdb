import SluiceWire
import Testing

@Suite struct ProxyHeaderTests {
  private static let corpus = Corpus.load("proxy.txt")

  /// "ok", "more", or the error's code.
  private func outcome(_ bytes: [UInt8]) -> String {
    do throws(ProxyHeaderError) {
      guard let (_, count) = try ProxyHeader.parse(prefixOf: bytes.span) else { return "more" }
      return count == bytes.count ? "ok" : "ok with \(bytes.count - count) left"
    } catch {
      return "\(error.code)"
    }
  }

  @Test(arguments: corpus) func lineOfTheCorpus(line: CorpusCase) {
    #expect(outcome(line.bytes) == line.expected)
  }

  @Test func everyErrorOccurs() {
    let expected = Set(ProxyHeaderError.allCases.map { "\($0.code)" })
    #expect(Set(Self.corpus.map(\.expected)).subtracting(["ok"]) == expected)
  }

  /// However it arrives: nothing is decided too early, and nothing later changes what was decided.
  @Test(arguments: corpus) func prefixesAgree(line: CorpusCase) {
    var decided: String?
    for count in 0...line.bytes.count {
      let now = outcome(Array(line.bytes[..<count]))
      if let decided {
        #expect(now == decided || line.expected == "ok")
      } else if now != "more" {
        decided = now
        #expect(now == line.expected)
      }
    }
    #expect(decided == line.expected)
  }

  @Test func addressesAreRead() throws {
    let text = Array("PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\nGET".utf8)
    let (header, count) = try #require(try ProxyHeader.parse(prefixOf: text.span))
    #expect(count == text.count - 3)
    let ends = try #require(header.ends)
    #expect(ends.source == .init(ip: IPAddress(v4: 0xC000_0201), port: 56_324))
    #expect(ends.destination == .init(ip: IPAddress(v4: 0xC000_0202), port: 443))
  }

  @Test func whatIsWrittenIsRead() throws {
    var generator = SystemRandomNumberGenerator()
    for turn in 0..<500 {
      func end(_ isIPv4: Bool) -> ProxyHeader.End {
        let word = generator.next()
        let ip =
          isIPv4
          ? IPAddress(v4: UInt32(truncatingIfNeeded: word))
          : IPAddress(high: generator.next() | 1 << 63, low: word)
        return ProxyHeader.End(ip: ip, port: UInt16(truncatingIfNeeded: generator.next()))
      }
      let header =
        turn == 0
        ? ProxyHeader() : ProxyHeader(source: end(turn & 1 == 0), destination: end(turn & 2 == 0))
      var binary = ByteBuffer()
      header.appendVersion2(to: &binary)
      let (read, count) = try #require(try ProxyHeader.parse(prefixOf: binary.span))
      #expect(read == header)
      #expect(count == binary.count)
      var text = ByteBuffer()
      header.appendVersion1(to: &text)
      let (second, length) = try #require(try ProxyHeader.parse(prefixOf: text.span))
      let isMixed = header.ends.map { $0.source.ip.isIPv4 != $0.destination.ip.isIPv4 } ?? false
      #expect(second == (isMixed ? ProxyHeader() : header))
      #expect(length == text.count)
    }
  }
}
