import SluiceConfiguration
import SluiceReactor
import SluiceWire
import Testing

@testable import SluiceGateway

/// Who calls, behind proxies of which only some are trusted.
@Suite struct ClientAddressTests {
  private func caller(_ fields: String, trusted: [String] = ["10.0.0.0/8"]) throws -> String {
    var head = RequestHead()
    let bytes = Array("GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n".utf8)
    try head.parse(bytes.span, limits: HeadLimits())
    var settings = Configuration.Listener()
    settings.trustedProxies = trusted
    let listener = CompiledListener(
      name: "web", index: 0, settings: settings, port: 80, destination: .routes)
    let peer = try #require(SocketAddress("10.0.0.1:5"))
    let address = ClientAddress.behindProxies(head, peer: peer, listener: listener)
    var text = ByteBuffer()
    text.append(hostOf: address)
    return String(decoding: text.copiedBytes(), as: UTF8.self)
  }

  @Test func isTheLastThatNoTrustedProxyIs() throws {
    #expect(try caller("") == "10.0.0.1")
    #expect(try caller("X-Forwarded-For: 1.1.1.1\r\n") == "1.1.1.1")
    #expect(try caller("X-Forwarded-For: 6.6.6.6, 1.1.1.1\r\n") == "1.1.1.1")
    #expect(try caller("X-Forwarded-For: 6.6.6.6, 1.1.1.1, 10.2.3.4\r\n") == "1.1.1.1")
    #expect(
      try caller("X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 1.1.1.1,10.9.9.9\r\n")
        == "1.1.1.1")
    #expect(try caller("X-Forwarded-For: 10.1.1.1, 10.2.2.2\r\n") == "10.1.1.1")
    #expect(try caller("X-Forwarded-For: 2001:db8::1\r\n") == "2001:db8::1")
    #expect(try caller("X-Forwarded-For: 1.1.1.1:4711\r\n") == "1.1.1.1")
    #expect(try caller("X-Forwarded-For: [2001:db8::1]\r\n") == "2001:db8::1")
    #expect(try caller("X-Forwarded-For: [2001:db8::1]:4711\r\n") == "2001:db8::1")
    #expect(try caller("X-Forwarded-For: ::1\r\n") == "::1")
  }

  /// An interface's name is not looked up, and a socket's path is not somebody.
  @Test(arguments: [
    "fe80::1%lo", "[fe80::1%lo]", "[fe80::1%lo]:80", "[fe80::1%1]:80", "unix:/a", "[]", "[1.1.1.1",
    "1.1.1.1:", "1.1.1.1:x", ":80", "[::1]x", "2001:db8::1%1",
  ])
  func whatOnlyLooksLikeAnAddressEndsTheWalk(text: String) throws {
    #expect(try caller("X-Forwarded-For: 1.1.1.1, \(text), 10.2.2.2\r\n") == "10.2.2.2")
  }

  @Test func whatIsNoAddressEndsTheWalk() throws {
    #expect(try caller("X-Forwarded-For: 1.1.1.1, nonsense\r\n") == "10.0.0.1")
    #expect(try caller("X-Forwarded-For: 1.1.1.1, nonsense, 10.2.2.2\r\n") == "10.2.2.2")
    #expect(try caller("X-Forwarded-For: 1.1.1.1,\r\n") == "10.0.0.1")
  }
}
