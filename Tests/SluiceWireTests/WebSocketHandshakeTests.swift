import SluiceWire
import Testing

@Suite struct WebSocketHandshakeTests {
  private static func refusal(
    _ check: () throws(WebSocketHandshakeError) -> Void
  ) -> WebSocketHandshakeError? {
    do throws(WebSocketHandshakeError) {
      try check()
      return nil
    } catch {
      return error
    }
  }

  @Test(arguments: [
    ("dGhlIHNhbXBsZSBub25jZQ==", true), ("AAAAAAAAAAAAAAAAAAAAAA==", true),
    ("+/+/+/+/+/+/+/+/+/+/+w==", true), ("abcdefghijklmnopqrstuv==", true), ("", false),
    ("dGhlIHNhbXBsZSBub25jZQ=", false), ("dGhlIHNhbXBsZSBub25jZQ", false),
    ("dGhlIHNhbXBsZSBub25jZQ===", false), ("dGhlIHNhbXBsZSBub25jZWE=", false),
    ("dGhlIHNhbXBsZSBub25jZWFi", false), ("dGhlIHNhbXBsZSBub25j-Q==", false),
    ("dGhlIHNhbXBsZSBub25j Q==", false), ("dGhlIHNhbXBsZSBub25j=Q==", false),
    ("dGhlIHNhbXBsZSBub25jZQ==dGhlIHNhbXBsZSBub25jZQ==", false), ("YQ==", false),
  ])
  func keys(value: String, isValid: Bool) {
    let key = ascii(value)
    #expect(
      Self.refusal { () throws(WebSocketHandshakeError) in try WebSocketHandshake.checkKey(key.span)
      }
        == (isValid ? nil : .invalidKey))
  }

  @Test(
    arguments: [
      ("13", nil), ("8", .unsupportedVersion), ("0", .unsupportedVersion),
      ("255", .unsupportedVersion), ("14", .unsupportedVersion), ("256", .invalidVersion),
      ("013", .invalidVersion), ("", .invalidVersion), ("1300", .invalidVersion),
      ("13, 8", .invalidVersion), (" 13", .invalidVersion), ("x", .invalidVersion),
      ("-1", .invalidVersion), ("1.3", .invalidVersion),
    ] as [(String, WebSocketHandshakeError?)])
  func versions(value: String, error: WebSocketHandshakeError?) {
    let version = ascii(value)
    #expect(
      Self.refusal { () throws(WebSocketHandshakeError) in
        try WebSocketHandshake.checkVersion(version.span)
      } == error)
  }

  @Test(
    arguments: [
      ("chat", nil), ("chat, superchat", nil), ("chat,superchat,v1.x", nil), ("a , b\t,c", nil),
      ("chat,,b,", nil), ("Chat, chat", nil), ("", .invalidSubprotocols),
      (" ,", .invalidSubprotocols), ("a b", .invalidSubprotocols), ("a;b", .invalidSubprotocols),
      ("a, b/c", .invalidSubprotocols), ("\"a\"", .invalidSubprotocols),
      ("a, é", .invalidSubprotocols),
      ("a, b, a", .duplicateSubprotocol), ("a,a", .duplicateSubprotocol),
      ((1...64).map { "p\($0)" }.joined(separator: ","), nil),
      ((1...65).map { "p\($0)" }.joined(separator: ","), .invalidSubprotocols),
    ] as [(String, WebSocketHandshakeError?)])
  func subprotocols(value: String, error: WebSocketHandshakeError?) {
    let list = Array(value.utf8)
    #expect(
      Self.refusal { () throws(WebSocketHandshakeError) in
        try WebSocketHandshake.checkSubprotocols(list.span)
      } == error)
  }

  @Test(
    arguments: [
      ("chat", "chat, b", nil), ("b", "chat, b", nil), ("c", "chat, b", .subprotocolNotOffered),
      ("Chat", "chat", .subprotocolNotOffered), ("cha", "chat", .subprotocolNotOffered),
      ("chat", "", .subprotocolNotOffered), ("chat, b", "chat, b", .invalidSubprotocols),
      ("", "chat", .invalidSubprotocols), (",chat", "chat", .invalidSubprotocols),
      ("chat ", "chat", .invalidSubprotocols),
    ] as [(String, String, WebSocketHandshakeError?)])
  func subprotocolAnswers(answer: String, offered: String, error: WebSocketHandshakeError?) {
    let (answer, offered) = (ascii(answer), ascii(offered))
    #expect(
      Self.refusal { () throws(WebSocketHandshakeError) in
        try WebSocketHandshake.checkSubprotocol(answer.span, offered: offered.span)
      } == error)
  }

  /// The list with everything in it told: names, parameters with and without values.
  private static func elements(_ value: String) -> String {
    let bytes = Array(value.utf8)
    var list = WebSocketExtensionList(bytes.span)
    var words: [String] = []
    func word(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
    do throws(WebSocketHandshakeError) {
      while let element = try list.next() {
        switch element {
        case .name(let name): words.append(word(name))
        case .parameter(let name, let value):
          words.append(";\(word(name))=\(value.map(word) ?? "-")")
        }
      }
    } catch {
      words.append("!")
    }
    return words.joined()
  }

  @Test(arguments: [
    ("", ""), ("foo", "foo"), ("foo, bar", "foobar"), ("foo;a", "foo;a=-"),
    ("foo; a=1; b=\"2\"; c, bar ; d = x", "foo;a=1;b=2;c=-bar;d=x"), (",,foo,, bar,", "foobar"),
    ("permessage-deflate; client_max_window_bits", "permessage-deflate;client_max_window_bits=-"),
    ("foo bar", "foo!"), ("foo;", "foo!"), ("foo;;a", "foo!"), ("foo;a=", "foo!"),
    ("foo;a=\"\"", "foo!"), ("foo;a=\"x", "foo!"), ("foo;a=\"x y\"", "foo!"),
    ("foo;a=\"x\\y\"", "foo!"), ("foo;=1", "foo!"), ("foo=1", "foo!"), (";a", "!"), ("=", "!"),
    ("foo;a=1 b", "foo;a=1!"), ("foo;a=\"1\"b", "foo;a=1!"), ("foo/bar", "foo!"), ("é", "!"),
  ])
  func extensionLists(value: String, expected: String) { #expect(Self.elements(value) == expected) }

  private static func offers(_ value: String) -> [String]? {
    let bytes = ascii(value)
    guard let offers = try? WebSocketHandshake.deflateOffers(bytes.span) else { return nil }
    return offers.map { offer in
      var output = ByteBuffer()
      output.append(offer)
      let text = String(decoding: output.copiedBytes(), as: UTF8.self)
      return text.replacing("permessage-deflate", with: "pd")
    }
  }

  @Test(
    arguments: [
      ("permessage-deflate", ["pd"]), ("", []), ("x-webkit-deflate-frame", []),
      ("permessage-deflate; client_max_window_bits", ["pd; client_max_window_bits"]),
      (
        "permessage-deflate; server_max_window_bits=10; client_max_window_bits=\"15\"",
        ["pd; server_max_window_bits=10; client_max_window_bits=15"]
      ),
      (
        "foo;a, permessage-deflate; server_no_context_takeover; client_no_context_takeover, bar, permessage-deflate",
        ["pd; server_no_context_takeover; client_no_context_takeover", "pd"]
      ),
      // What a server has to decline.
      ("permessage-deflate; server_no_context_takeover=1", []),
      ("permessage-deflate; server_no_context_takeover; server_no_context_takeover", []),
      ("permessage-deflate; client_no_context_takeover=x, permessage-deflate", ["pd"]),
      ("permessage-deflate; server_max_window_bits", []),
      ("permessage-deflate; server_max_window_bits=7", []),
      ("permessage-deflate; server_max_window_bits=16", []),
      ("permessage-deflate; server_max_window_bits=08", []),
      ("permessage-deflate; server_max_window_bits=8; server_max_window_bits=8", []),
      ("permessage-deflate; client_max_window_bits=7", []),
      ("permessage-deflate; client_max_window_bits=\"1x\"", []),
      ("permessage-deflate; client_max_window_bits; client_max_window_bits=9", []),
      ("permessage-deflate; unknown", []),
      ("permessage-deflate; unknown; server_max_window_bits=9", []),
      ("permessage-deflate; Server_No_Context_Takeover", []), ("Permessage-Deflate", []),
      ("permessage-deflate;", nil), ("permessage-deflate; a b", nil),
      (
        Array(repeating: "permessage-deflate", count: 20).joined(separator: ","),
        Array(repeating: "pd", count: 8)
      ),
    ] as [(String, [String]?)])
  func deflateOffers(value: String, expected: [String]?) { #expect(Self.offers(value) == expected) }

  private static func answer(
    _ value: String, to offered: String
  ) -> Result<PermessageDeflate?, WebSocketHandshakeError> {
    let (answer, offers) = (ascii(value), ascii(offered))
    return Result { () throws(WebSocketHandshakeError) in
      try WebSocketHandshake.deflateAnswer(
        answer.span, offers: WebSocketHandshake.deflateOffers(offers.span))
    }
  }

  /// `pd` stands for permessage-deflate.
  @Test(
    arguments: [
      ("pd", "pd", nil), ("", "pd", nil), ("", "", nil),
      ("pd", "", .extensionNotOffered), ("foo", "pd", .extensionNotOffered),
      ("pd, foo", "pd", .extensionNotOffered), ("pd, pd", "pd", .duplicateExtension),
      ("pd;", "pd", .invalidExtensions),
      // What the client demands of the server.
      ("pd", "pd; server_no_context_takeover", .invalidDeflateParameters),
      ("pd; server_no_context_takeover", "pd; server_no_context_takeover", nil),
      ("pd; server_no_context_takeover", "pd", nil),
      ("pd", "pd; server_max_window_bits=10", .invalidDeflateParameters),
      ("pd; server_max_window_bits=11", "pd; server_max_window_bits=10", .invalidDeflateParameters),
      ("pd; server_max_window_bits=10", "pd; server_max_window_bits=10", nil),
      ("pd; server_max_window_bits=8", "pd; server_max_window_bits=10", nil),
      ("pd; server_max_window_bits=9", "pd", nil),
      // What it can do itself.
      ("pd; client_no_context_takeover", "pd", nil), ("pd", "pd; client_no_context_takeover", nil),
      ("pd; client_max_window_bits=15", "pd", .invalidDeflateParameters),
      ("pd; client_max_window_bits=8", "pd; client_max_window_bits", nil),
      ("pd; client_max_window_bits", "pd; client_max_window_bits", .invalidDeflateParameters),
      ("pd; client_max_window_bits=11", "pd; client_max_window_bits=10", .invalidDeflateParameters),
      ("pd; client_max_window_bits=10", "pd; client_max_window_bits=10", nil),
      ("pd", "pd; client_max_window_bits=10", nil),
      ("pd; client_max_window_bits=16", "pd; client_max_window_bits", .invalidDeflateParameters),
      ("pd; unknown=1", "pd", .invalidDeflateParameters),
      // Any of several offers.
      ("pd", "pd; server_max_window_bits=10, pd", nil),
      (
        "pd; server_max_window_bits=10",
        "pd; server_max_window_bits=9, pd; server_max_window_bits=12", nil
      ),
    ] as [(String, String, WebSocketHandshakeError?)])
  func deflateAnswers(value: String, offered: String, error: WebSocketHandshakeError?) {
    let result = Self.answer(
      value.replacing("pd", with: "permessage-deflate"),
      to: offered.replacing("pd", with: "permessage-deflate"))
    switch result {
    case .success(let answer):
      #expect(error == nil)
      #expect((answer == nil) == value.isEmpty)
    case .failure(let refusal): #expect(refusal == error)
    }
  }

  @Test func errorsHaveCodesOfTheirOwn() {
    let all = WebSocketHandshakeError.allCases
    #expect(Set(all.map { "\($0.code)" }).count == all.count)
    #expect(Set(all.map { "\($0.text)" }).count == all.count)
  }

  // MARK: Origin

  private static func origin(_ value: String) -> String {
    let bytes = Array(value.utf8)
    switch OriginSyntax.parse(bytes.span) {
    case nil: return "-"
    case .null: return "null"
    case .named(let scheme, let host, let port):
      let words = [scheme, host].map { String(decoding: bytes[$0], as: UTF8.self) }
      return (words + [port.map(String.init) ?? ""]).joined(separator: "|")
    }
  }

  @Test(arguments: [
    ("null", "null"), ("https://example.com", "https|example.com|"),
    ("http://example.com:8080", "http|example.com|8080"),
    ("HTTP://Example.COM", "HTTP|Example.COM|"),
    ("http://[::1]:3000", "http|[::1]|3000"), ("http://127.0.0.1", "http|127.0.0.1|"),
    ("chrome-extension://abcdefgh", "chrome-extension|abcdefgh|"), ("a+b.c-1://x", "a+b.c-1|x|"),
    ("", "-"), ("NULL", "-"), ("null null", "-"), ("example.com", "-"), ("https:example.com", "-"),
    ("https:/example.com", "-"), ("https://", "-"), ("://a", "-"), ("1http://a", "-"),
    ("https://example.com/", "-"), ("https://example.com/path", "-"), ("https://a?b", "-"),
    ("https://user@example.com", "-"), ("https://a:0", "-"), ("https://a:65536", "-"),
    ("https://a:", "-"), ("https://a b", "-"), ("https://a https://b", "-"),
    ("https://a,https://b", "-"),
    ("https://é.example", "-"), (" https://a", "-"), ("https://[::1", "-"), ("https://.a", "-"),
  ])
  func origins(value: String, expected: String) { #expect(Self.origin(value) == expected) }

  @Test func schemesHavePorts() {
    for (scheme, port) in [
      ("http", 80), ("ws", 80), ("https", 443), ("wss", 443), ("HTTPS", 443), ("ftp", nil),
      ("", nil),
    ] as [(String, UInt16?)] {
      let bytes = ascii(scheme)
      let found = OriginSyntax.defaultPort(bytes.span)
      #expect(found == port)
    }
  }
}
