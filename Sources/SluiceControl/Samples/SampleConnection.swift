import Glibc
import SluiceGateway
import SluiceReactor
import SluiceWire

/// One connection to a sample service: HTTP/1.1 without request bodies, and WebSocket once upgraded.
final class SampleConnection: StreamConnection {
  private enum State {
    case http
    case webSocket
    /// Everything was said; waits for the peer's FIN.
    case closing
  }

  private let service: SampleService
  private var state = State.http
  private var head = RequestHead()
  private var pending = ByteBuffer()
  private var scanned = 0
  private var quotes = QuoteSource()
  private var decoder = WebSocketMessageDecoder(from: .client, allowsRSV1: false)

  private static let quoteInterval: Int64 = 500_000_000
  private static let lingerNanoseconds: Int64 = 2_000_000_000
  /// A message a client sends is ignored, but must not grow without end.
  private static let limits = WebSocketMessageLimits(maxSize: 64 * 1_024)

  init(loop: EventLoop, service: SampleService) {
    self.service = service
    super.init(loop: loop)
  }

  // MARK: Events

  override func streamReadable() {
    while isReadable && !isClosed {
      switch read(into: loop.readBuffer) {
      case .bytes(let count):
        pending.append(upTo: count) { room in
          room.copyMemory(from: UnsafeRawBufferPointer(rebasing: loop.readBuffer[..<count]))
          return count
        }
        process()
      case .wouldBlock: return
      case .end, .failed: return close()
      }
    }
  }

  override func streamFailed(_ code: Int32) { close() }

  override func deadlineReached() {
    guard state == .webSocket else { return close() }
    // A client that does not read gets no more quotes until it does.
    if backlog < Self.highWater { stage { quotes.appendFrame(to: &$0) } }
    setDeadline(afterNanoseconds: Self.quoteInterval)
  }

  private func process() {
    var goesOn = true
    while goesOn && !isClosed && !pending.isEmpty {
      switch state {
      case .http: goesOn = processHead()
      case .webSocket: goesOn = processMessage()
      case .closing:
        pending.clear()
        goesOn = false
      }
    }
  }

  // MARK: HTTP

  /// False when the head is not complete.
  private func processHead() -> Bool {
    let limits = HeadLimits()
    var taken = ByteBuffer()
    swap(&taken, &pending)
    defer { swap(&taken, &pending) }
    do throws(HeadError) {
      guard let count = try HeadScanner.endOfHead(taken.span, scanned: &scanned, limits: limits)
      else { return false }
      scanned = 0
      try head.parse(taken.span.extracting(..<count), limits: limits)
      taken.consume(count)
    } catch {
      answer(400, "{\"error\":\"bad request\"}\n", closes: true)
      return true
    }
    respond(head)
    return true
  }

  private func respond(_ head: borrowing RequestHead) {
    let path = Self.text(head.span(head.path))
    // Bodies are not read, so the connection can't be used again after one.
    let closes = !head.keepsAlive || head.framing != .none
    switch (service, path) {
    case (.time, "/time") where head.method == .get || head.method == .head:
      answer(200, "{\"timestamp\": \(time(nil))}\n", hasBody: head.method == .get, closes: closes)
    case (.stocks, "/stocks"): upgrade(head)
    default: answer(404, "{\"error\":\"not found\"}\n", closes: closes)
    }
  }

  private static func text(_ bytes: Span<UInt8>) -> String {
    bytes.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
  }

  private func answer(_ status: Int, _ body: String, hasBody: Bool = true, closes: Bool) {
    stage { output in
      output.appendStatusLine(status)
      output.appendField("Content-Type", "application/json")
      output.appendField("Content-Length", decimal: UInt64(body.utf8.count))
      if closes { output.appendField("Connection", "close") }
      output.appendLineEnd()
      if hasBody { output.append(utf8: body) }
    }
    if closes { finish() }
  }

  private func upgrade(_ head: borrowing RequestHead) {
    guard head.method == .get, let upgrade = head.upgrade,
      Self.text(head.span(upgrade)).lowercased() == "websocket",
      let index = head.firstIndex(named: Array("sec-websocket-key".utf8).span)
    else { return answer(426, "{\"error\":\"this is a WebSocket\"}\n", closes: true) }
    let accept = WebSocketAccept.value(forKey: head.span(head.fields[index].value))
    stage { output in
      output.appendStatusLine(101)
      output.appendField("Upgrade", "websocket")
      output.appendField("Connection", "Upgrade")
      output.appendField("Sec-WebSocket-Accept", accept.span)
      output.appendLineEnd()
      quotes.appendFrame(to: &output)
    }
    state = .webSocket
    setDeadline(afterNanoseconds: Self.quoteInterval)
  }

  // MARK: WebSocket

  /// False when the message is not complete.
  private func processMessage() -> Bool {
    var taken = ByteBuffer()
    swap(&taken, &pending)
    defer { swap(&taken, &pending) }
    do throws(WebSocketError) {
      var scratch = ByteBuffer()
      switch try decoder.next(taken.span, from: 0, limits: Self.limits, scratch: &scratch) {
      case .needsMore:
        taken.clear()
        return false
      case .message(let message): taken.consume(message.consumed)
      case .control(let opcode, _, let consumed):
        taken.consume(consumed)
        answer(opcode, scratch)
      }
    } catch {
      close(error.closeCode)
    }
    return true
  }

  private func answer(_ opcode: WebSocketOpcode, _ payload: borrowing ByteBuffer) {
    switch opcode {
    case .ping:
      let copy = payload.copiedBytes()
      stage { $0.appendWebSocketFrame(.pong, copy.span) }
    case .close:
      // The code is echoed, without the reason (RFC 6455 5.5.1).
      if let close = try? WebSocketClose(payload.span) { self.close(close.code) }
    case .pong, .text, .binary, .continuation: break
    }
  }

  private func close(_ code: WebSocketCloseCode) {
    stage { $0.appendWebSocketClose(code) }
    finish()
  }

  /// Sends what there is, then FIN, and waits a little for the peer's.
  private func finish() {
    state = .closing
    finishWriting()
    setDeadline(afterNanoseconds: Self.lingerNanoseconds)
  }
}
