private func accepts(_ body: () throws(WebSocketHandshakeError) -> Void) -> Bool {
  do throws(WebSocketHandshakeError) {
    try body()
    return true
  } catch {
    return false
  }
}

private func written(_ deflate: PermessageDeflate) -> [UInt8] {
  var output = ByteBuffer()
  output.append(deflate)
  return output.copiedBytes()
}

private func checkBase64(_ text: [UInt8]) {
  for alphabet in [Base64.Alphabet.standard, .urlSafe] {
    var decoded = ByteBuffer()
    guard decoded.append(decodingBase64: text.span, alphabet) else { continue }
    var encoded = ByteBuffer()
    encoded.append(base64: decoded.span, alphabet)
    check(encoded.copiedBytes() == text, "base64 has two forms")
    if alphabet == .standard, decoded.count == 16 {
      check(
        accepts { () throws(WebSocketHandshakeError) in
          try WebSocketHandshake.checkKey(text.span)
        }, "16 bytes are no key")
    }
  }
}

private func checkOrigin(_ value: [UInt8]) {
  guard case .named(let scheme, let host, let port) = OriginSyntax.parse(value.span) else { return }
  let end = port.map { ":\($0)" } ?? ""
  let again = value[scheme] + Array("://".utf8) + value[host] + Array(end.utf8)
  check(Array(again) == value, "an origin with more in it")
}

private func checkSubprotocols(_ list: [UInt8]) {
  let isValid = accepts { () throws(WebSocketHandshakeError) in
    try WebSocketHandshake.checkSubprotocols(list.span)
  }
  guard isValid else { return }
  var tokens: Set<[UInt8]> = []
  for part in list.split(separator: UInt8(ascii: ",")) {
    let token = part.drop { $0 == 32 || $0 == 9 }.reversed().drop { $0 == 32 || $0 == 9 }.reversed()
    if token.isEmpty { continue }
    check(tokens.insert(Array(token)).inserted, "a token twice")
    check(
      accepts { () throws(WebSocketHandshakeError) in
        try WebSocketHandshake.checkSubprotocol(Array(token).span, offered: list.span)
      }, "a token that was not offered")
  }
}

private func checkExtensions(_ value: [UInt8], _ answer: [UInt8]) throws(WebSocketHandshakeError) {
  let offers = try WebSocketHandshake.deflateOffers(value.span)
  for offer in offers {
    let again = try WebSocketHandshake.deflateOffers(written(offer).span)
    check(again == [offer], "an offer reads otherwise when it is written")
    // What was offered can be answered; a window's size is then due.
    var same = offer
    if same.hasClientMaxWindowBits { same.clientMaxWindowBits = same.clientMaxWindowBits ?? 15 }
    check(
      try WebSocketHandshake.deflateAnswer(written(same).span, offers: offers) == same,
      "an offer is no answer to itself")
  }
  if let answer = try WebSocketHandshake.deflateAnswer(answer.span, offers: offers) {
    check(offers.contains { answer.answers($0) }, "an answer to no offer")
  }
}

/// The fields of a handshake; a line for each side, and both read as everything.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = input(data, count)
  let lines = bytes.split(
    separator: UInt8(ascii: "\n"), maxSplits: 1, omittingEmptySubsequences: false)
  let (first, second) = (Array(lines[0]), lines.count > 1 ? Array(lines[1]) : [])
  for text in [first, second] {
    checkBase64(text)
    checkOrigin(text)
    checkSubprotocols(text)
    _ = accepts { () throws(WebSocketHandshakeError) in
      try WebSocketHandshake.checkVersion(text.span)
    }
    if let close = try? WebSocketClose(text.span), text.count <= 125 {
      var frame = ByteBuffer()
      frame.appendWebSocketClose(close.code, reason: text.span.extracting(close.reason))
      check(Array(frame.copiedBytes()[2...]) == text, "a close frame reads otherwise")
    }
  }
  _ = accepts { () throws(WebSocketHandshakeError) in try checkExtensions(first, second) }
  return 0
}
