import Testing

@testable import SluiceWire

@Suite struct CacheControlTests {
  private static let cases = Corpus.load("cache-control.txt")

  @Test(arguments: cases)
  func corpus(line: CorpusCase) {
    var control = CacheControl()
    control.add(line.bytes.span)
    #expect(summary(control) == line.expected)
  }

  private func summary(_ control: CacheControl) -> String {
    if control.isMalformed { return "malformed" }
    var parts: [String] = []
    let flags: [(CacheControl.Directives, String)] = [
      (.public, "public"), (.private, "private"), (.noStore, "no-store"), (.noCache, "no-cache"),
      (.mustRevalidate, "must-revalidate"), (.proxyRevalidate, "proxy-revalidate"),
      (.noTransform, "no-transform"), (.mustUnderstand, "must-understand"),
      (.onlyIfCached, "only-if-cached"),
    ]
    for (flag, name) in flags where control.contains(flag) { parts.append(name) }
    let numbers: [(UInt32?, String)] = [
      (control.sMaxAge, "s-maxage"), (control.maxAge, "max-age"),
      (control.staleWhileRevalidate, "swr"), (control.staleIfError, "sie"),
      (control.maxStale, "max-stale"), (control.minFresh, "min-fresh"),
    ]
    for case (let number?, let name) in numbers { parts.append("\(name)=\(number)") }
    return parts.isEmpty ? "none" : parts.joined(separator: ",")
  }

  /// Whatever is inserted into a value never makes it say more than it did, unless it is whole.
  @Test func severalFieldsAreOneList() {
    var apart = CacheControl()
    apart.add(ascii("public, max-age=9").span)
    apart.add(ascii("max-age=5, no-store").span)
    var together = CacheControl()
    together.add(ascii("public, max-age=9, max-age=5, no-store").span)
    #expect(apart == together)
  }

  private func targeted(_ value: String) -> CacheControl? {
    let bytes = ascii(value)
    return CacheControl(targeted: bytes.span)
  }

  @Test(
    arguments: [
      ("max-age=60, no-store", 60, true), ("max-age=60;a=1;b=\"x\", no-store", 60, true),
      ("no-store=?0, max-age=7", 7, false), ("max-age=1, max-age=2", 2, false),
      ("max-age=\"60\"", nil, false), ("max-age=-1", nil, false), ("max-age=1.5", nil, false),
      ("x=tok/en:1, *y=1, max-age=3", 3, false),
    ] as [(String, UInt32?, Bool)])
  func targetedFieldsAreDictionaries(value: String, maxAge: UInt32?, noStore: Bool) throws {
    let control = try #require(targeted(value))
    #expect(control.maxAge == maxAge)
    #expect(control.contains(.noStore) == noStore)
  }

  @Test(arguments: [
    "", " ", "max-age=60,", ",max-age=60", "Max-Age=60", "max-age=", "max-age= 60", "max-age=(1 2)",
    "max-age=60 no-store", "no-store=?2", "a=\"x", "max-age=1234567890123456", "a=1.2345", "a;",
  ])
  func malformedTargetedFieldsCountForNothing(value: String) {
    #expect(targeted(value) == nil)
  }

  @Test(
    arguments: [
      ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
      ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777),
      ("Sun Nov  6 08:49:37 1994", 784_111_777), ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
      ("Thu, 29 Feb 2024 23:59:59 GMT", 1_709_251_199),
      ("Wed, 16 Nov 1994 00:00:00 GMT", 784_944_000),
      ("Sun Nov 16 08:49:37 1994", 784_975_777),
      ("Sunday, 06-Nov-22 08:49:37 GMT", 1_667_724_577), ("0", nil), ("", nil), ("-1", nil),
      ("Sun, 06 Nov 1994 08:49:37", nil), ("Sun, 06 Nov 1994 24:49:37 GMT", nil),
      ("Sun, 06 nov 1994 08:49:37 GMT", nil), ("Sun, 6 Nov 1994 08:49:37 GMT", nil),
      ("Sun, 06 Nov 1994 08:49:37 UTC", nil), ("Sunday, 06-Nov-1994 08:49:37 GMT", nil),
      ("x, ", nil), ("Sun, 00 Nov 1994 08:49:37 GMT", nil),
    ] as [(String, Int64?)])
  func dates(text: String, seconds: Int64?) {
    let read = HTTPDateSyntax.seconds(ascii(text).span)
    #expect(read == seconds)
  }

  @Test(arguments: [
    ("\"a\"", "\"a\"", true), ("W/\"a\"", "\"a\"", true), ("\"a\"", "W/\"a\"", true),
    ("\"b\", \"a\"", "\"a\"", true), ("\"b\" ,,W/\"a\"", "\"a\"", true), ("*", "\"a\"", true),
    ("\"b\"", "\"a\"", false), ("", "\"a\"", false), ("a", "\"a\"", false),
    ("\"a", "\"a\"", false), ("w/\"a\"", "\"a\"", false), ("\"b,\"a\"", "\"a\"", false),
    ("\"x y\", \"a\"", "\"a\"", false),
  ])
  func entityTags(list: String, tag: String, isThere: Bool) {
    let found = EntityTag.list(ascii(list).span, contains: ascii(tag).span)
    #expect(found == isThere)
  }
}
