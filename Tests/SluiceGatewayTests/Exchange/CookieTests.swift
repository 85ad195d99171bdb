import Testing

@testable import SluiceGateway

/// Reading the Cookie field (RFC 6265).
@Suite struct CookieTests {
  private func value(_ name: String, _ field: String) -> String? {
    let bytes = Array(field.utf8)
    return Cookies.value(of: Array(name.utf8), in: bytes.span).map {
      String(decoding: bytes[$0], as: UTF8.self)
    }
  }

  @Test func theFirstOfThatNameCounts() {
    #expect(value("a", "a=1") == "1")
    #expect(value("b", "a=1; b=2; b=3") == "2")
    #expect(value("b", "a=1;b=2") == "2")
    #expect(value("a", "a=") == "")
    #expect(value("a", "a=b=c") == "b=c")
    #expect(value("a", "; ;a=1") == "1")
  }

  @Test func partsOfOthersDoNot() {
    #expect(value("a", "aa=1; ba=2") == nil)
    #expect(value("a", "b=a=1") == nil)
    #expect(value("a", "a") == nil)
    #expect(value("A", "a=1") == nil)
    #expect(value("a", "") == nil)
  }
}
