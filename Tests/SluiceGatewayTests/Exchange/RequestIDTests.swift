import SluiceWire
import Testing

@testable import SluiceGateway

@Suite struct RequestIDTests {
  private func isAcceptable(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    return RequestID.isAcceptable(bytes.span)
  }

  @Test func onlyHarmlessIdsAreAccepted() {
    for text in ["a", "0123-abc_DEF.:/+=", String(repeating: "x", count: 128)] {
      #expect(isAcceptable(text), "\(text)")
    }
    for text in ["", "a b", "a\"b", "a\\b", "a,b", "\u{e9}", String(repeating: "x", count: 129)] {
      #expect(!isAcceptable(text), "\(text)")
    }
  }

  @Test func aMadeIdIsAlways32Digits() {
    var buffer = ByteBuffer()
    RequestID.made(high: 0xA, low: .max).append(to: &buffer)
    #expect(
      String(decoding: buffer.copiedBytes(), as: UTF8.self)
        == "000000000000000affffffffffffffff")
  }
}
