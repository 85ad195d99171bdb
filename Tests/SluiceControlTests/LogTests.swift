import Glibc
import Logging
import Testing

@testable import SluiceControl

@Suite struct LogTests {
  private let time = timespec(tv_sec: 1_795_396_887, tv_nsec: 7_900_000)

  @Test func aLineHasTimeLevelMessageAndSortedValues() {
    let line = LineLogHandler.line(
      time: time, level: .info, message: "listening",
      metadata: ["listener": "web", "address": "[::1]:80"])
    #expect(line == "2026-11-23T01:21:27.007Z info listening address=[::1]:80 listener=web\n")
  }

  @Test(arguments: [
    ("", #"k="""#), ("a b", #"k="a b""#), ("a\nb", #"k="a\nb""#), ("a=b", #"k="a=b""#),
    (#"a"b\c"#, #"k="a\"b\\c""#), ("a\u{1b}[0m", #"k="a\u{1b}[0m""#), ("ü", "k=ü"),
  ])
  func valuesCannotBreakTheLine(value: String, shown: String) {
    let line = LineLogHandler.line(
      time: time, level: .error, message: "m", metadata: ["k": "\(value)"])
    #expect(line == "2026-11-23T01:21:27.007Z error m \(shown)\n")
  }
}
