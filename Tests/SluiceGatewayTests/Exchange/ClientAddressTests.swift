import SluiceConfiguration
import SluiceReactor
import SluiceWire
import Testing

@testable import SluiceGateway

/// Who calls, behind proxies of which only some are trusted.
@Suite struct ClientAddressTests {
  private func caller(
    _ fields: String, trusted: [String] = ["10.0.0.0/8"],
    _ edit: (inout Configuration.ClientAddressSource) -> Void = { _ in }
  ) throws -> String {
    var head = RequestHead()
    let bytes = Array("GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n".utf8)
    try head.parse(bytes.span, limits: HeadLimits())
    var settings = Configuration.Listener()
    settings.trustedProxies = trusted
    edit(&settings.clientAddress)
    let listener = CompiledListener(
      name: "web", index: 0, settings: settings, port: 80, destination: .routes)
    let peer = try #require(SocketAddress("10.0.0.1:5"))
    let address = ClientAddress.behindProxies(head, peer: peer, listener.clientAddress) {
      listener.trusts($0)
    }
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

  @Test func theFieldIsChosen() throws {
    func real(_ fields: String, recursive: Bool = true) throws -> String {
      try caller("X-Forwarded-For: 6.6.6.6\r\n" + fields) {
        $0.field = "x-real-ip"
        $0.recursive = recursive
      }
    }
    #expect(try real("") == "10.0.0.1")
    #expect(try real("X-Real-IP: 1.1.1.1\r\n") == "1.1.1.1")
    #expect(try real("X-Real-IPs: 1.1.1.1\r\n") == "10.0.0.1")
    // What a proxy has added counts, not what it was sent.
    #expect(try real("X-Real-IP: 7.7.7.7\r\nX-Real-IP: 1.1.1.1\r\n") == "1.1.1.1")
    #expect(try real("X-Real-IP: 1.1.1.1, 10.2.2.2\r\n") == "1.1.1.1")
    #expect(try real("X-Real-IP: 1.1.1.1, 10.2.2.2\r\n", recursive: false) == "10.2.2.2")
    #expect(try real("X-Real-IP: x\r\n", recursive: false) == "10.0.0.1")
  }

  @Test func theStandardFieldIsFoundInAnyCase() throws {
    let fields = "X-Forwarded-For: 1.1.1.1, 10.2.2.2\r\n"
    #expect(try caller(fields) { $0.field = "x-forwarded-for" } == "1.1.1.1")
    #expect(try caller(fields) { $0.recursive = false } == "10.2.2.2")
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
