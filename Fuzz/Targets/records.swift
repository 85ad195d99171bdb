import SluiceWire

/// A record layer of TLS 1.3 gives the same text and the same end in whatever pieces it gets its bytes;
/// what it holds and what it answers is bounded. The input is a script: what a peer that knows the keys
/// seals (text, alerts, handshake messages, good or not), and what a stranger puts in between. What comes
/// behind an end is nothing, and nothing is said behind our own.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let script = input(data, count)
  guard script.count >= 2, let suite = TLSCiphers.Suite(rawValue: script[0] % 3 + 1) else {
    return 0
  }
  let room = Int(script[1]) + 1
  let stream = compose(Array(script[2...]), suite)
  let whole = read(stream, suite, step: .max, room: 32_768)
  check(read(stream, suite, step: 1, room: 32_768) == whole, "single bytes make a difference")
  check(read(stream, suite, step: 17, room: room) == whole, "a room of \(room) makes a difference")
  let silent = read(stream, suite, step: 1_000, room: room, isFinished: true)
  check(silent == whole, "an end of our own makes a difference")
  return 0
}

private struct Outcome: Equatable {
  var text: [UInt8] = []
  var hasEnded = false
  var hasFailed = false
}

/// The bytes that the peer sends by this script: what to do, how many bytes of it follow, and these.
private func compose(_ script: [UInt8], _ suite: TLSCiphers.Suite) -> [UInt8] {
  let transport = TLSTransport(readBufferSize: 1_024)
  let peer = makeLayer(suite, isServer: false, transport)
  var at = 0
  while at + 1 < script.count {
    let end = min(script.count, at + 2 + Int(script[at + 1]))
    let bytes = Array(script[(at + 2)..<end])
    let step = script[at] % 8
    at = end
    switch step {
    case 0, 1: _ = bytes.withUnsafeBytes { peer.write($0, transport) }
    case 2: _ = peer.seal(.alert, bytes, transport)
    case 3: _ = peer.seal(.handshake, bytes, transport)
    case 4: _ = peer.updateKeys(transport, wantsAnswer: bytes.count % 2 == 1)
    // The peer does not stop there, as it should.
    case 5: _ = peer.seal(.alert, [1, 0], transport)
    case 6: _ = peer.seal(.applicationData, [], transport)
    default: transport.output.append(bytes)
    }
  }
  return transport.output.copiedBytes()
}

private func makeLayer(
  _ suite: TLSCiphers.Suite, isServer: Bool, _ transport: TLSTransport
) -> TLSRecordLayer {
  let both = [0x5A, 0xC3].map { [UInt8](repeating: $0, count: Int(suite.secretBytes)) }
  let secrets = TLSSecrets(server: both[isServer ? 0 : 1], client: both[isServer ? 1 : 0])
  guard let layer = TLSRecordLayer(suite, secrets, sealed: 0, transport.ciphers) else {
    fatalError("no record layer")
  }
  return layer
}

private func read(
  _ stream: [UInt8], _ suite: TLSCiphers.Suite, step: Int, room: Int, isFinished: Bool = false
) -> Outcome {
  let transport = TLSTransport(readBufferSize: 1_024)
  let layer = makeLayer(suite, isServer: true, transport)
  if isFinished {
    layer.writeNotice(transport)
    transport.output.clear()
  }
  var outcome = Outcome()
  var buffer = [UInt8](repeating: 0, count: room)
  var at = 0
  while at < stream.count {
    let end = step < stream.count - at ? at + step : stream.count
    stream.withUnsafeBytes { all in
      transport.input = UnsafeRawBufferPointer(rebasing: all[at..<end])
      reading: while true {
        switch buffer.withUnsafeMutableBytes({ layer.read(into: $0, transport) }) {
        case .bytes(let count):
          check(!outcome.hasEnded && !outcome.hasFailed, "text behind an end")
          check(count > 0 && count <= room, "\(count) bytes in a room of \(room)")
          outcome.text += buffer[..<count]
        case .needsMore: break reading
        case .end:
          outcome.hasEnded = true
          break reading
        case .failed:
          outcome.hasFailed = true
          break reading
        }
      }
      check(outcome.hasFailed || transport.input.isEmpty, "bytes were left")
      if outcome.hasEnded || outcome.hasFailed {
        transport.input = UnsafeRawBufferPointer(rebasing: all[at..<end])
        let next = layer.peek(transport)
        check(next == (outcome.hasFailed ? .failed : .end), "something behind an end")
      }
      transport.input = UnsafeRawBufferPointer(start: nil, count: 0)
    }
    at = end
    check(layer.heldBytes < TLSRecord.headerBytes + TLSRecord.maxLength, "holds too much")
    check(!layer.hasPlaintext, "text was left")
  }
  check(!outcome.hasEnded || !outcome.hasFailed, "both ends")
  check(!isFinished || transport.output.isEmpty, "an answer behind our end")
  check(outcome.hasFailed == (layer.failure != nil), "a failure without a reason, or the reverse")
  return outcome
}
