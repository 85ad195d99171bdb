import SluiceReactor
import SluiceWire

/// Whatever frames a target sends: the client's side of HTTP/2 with a GET, a POST, a HEAD and two WebSockets
/// (RFC 8441) under way.
///
/// Books balance, what is sent are whole frames, a head is one response and has one length for the strict
/// parser, a body comes behind its head, each stream ends once, and what is read from a tunnel is what came,
/// within its window. Where nothing was refused, all of it is the same however the bytes arrive.
///
/// The first byte says how the ends behave, the second how large the pieces are; the rest comes behind
/// SETTINGS that announce WebSockets.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let all = input(data, count)
  guard all.count > 2 else { return 0 }
  let bytes = Array(all[2...])
  let behaviour = Behaviour(rawValue: all[0] % 5) ?? .reads
  let whole = run(bytes, piece: .max, behaviour)
  let pieces = run(bytes, piece: Int(all[1]) + 1, behaviour)
  if behaviour == .reads && !whole.isRefused && !pieces.isRefused {
    check(whole.told == pieces.told, "what is told depends on how the bytes arrive")
  }
  return 0
}

private let settings: [UInt8] = [0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 1]

private enum Behaviour: UInt8 {
  /// Everything, and says nothing.
  case reads
  /// Tunnels send back what they read, and end when the target has; bodies of requests go on.
  case answers
  /// Bodies and tunnels wait.
  case takesNothing
  /// The first byte is too much.
  case resets
  /// Another request begins with every piece, as long as the target takes any.
  case begins
}

private final class FuzzTunnel: HTTP2TunnelEnd {
  private unowned let stream: FuzzStream
  private(set) var isClosed = false

  init(_ stream: FuzzStream) { self.stream = stream }

  func inputChanged() { deliverInput() }
  func deliverInput() { stream.readTunnel() }
  func outputDrained() { check(!isClosed, "a tunnel is told after its end") }

  func streamClosed() {
    check(!isClosed, "a tunnel ended twice")
    isClosed = true
    // What came before the end is read behind it.
    stream.readTunnel()
  }
}

private final class FuzzStream: HTTP2ClientStream {
  private let behaviour: Behaviour
  private let method: HTTPMethod
  private(set) var told: [UInt8] = []
  private(set) var refusals = 0
  private var hasEnded = false
  private var isOver = false
  private var received = 0

  init(_ behaviour: Behaviour, _ method: HTTPMethod, isHandshake: Bool) {
    self.behaviour = behaviour
    self.method = method
    super.init()
    answersHEAD = method == .head
    isWatched = true
    if isHandshake { accept = Array("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".utf8) }
  }

  override func headArrived(_ head: Span<UInt8>) {
    check(!isOver && !hasHead, "a head behind the head, or behind the end")
    checkEnds(ofHead: head)
    var response = ResponseHead()
    do throws(HeadError) {
      try response.parse(
        head, requestMethod: method, limits: HeadLimits(bytes: .max, fields: 200, target: 8_192))
    } catch {
      return responseRefused()
    }
    told += array(head)
    if response.isInformational { return }
    hasHead = true
    if response.status == 101 {
      check(accept != nil, "nobody has asked for a tunnel")
      accept = nil
      isTunnel = true
      staysOpen = true
      tunnel = FuzzTunnel(self)
      if hasInput { readTunnel() }
    } else if accept != nil {
      session?.end(self)
    }
  }

  override func responseRefused() {
    refusals += 1
    isRefusedByUs = true
    dropInput()
    session?.reset(self, .protocolError)
  }

  override var takesBody: Bool { behaviour != .takesNothing && !isTunnel }
  override var keepsInput: Bool { !isRefusedByUs }

  override func bodyArrived(_ bytes: Span<UInt8>) {
    if isRefusedByUs { return }
    if !hasHead { return responseRefused() }
    check(!hasEnded, "a body behind its end")
    told += array(bytes)
    if behaviour == .resets { session?.reset(self, .cancel) }
  }

  override func inputEnded(_ trailers: TrailerSection) {
    check(!hasEnded, "a response ended twice")
    hasEnded = true
    told.append(255)
    for field in trailers.fields { told += array(trailers.span(field.name)) }
  }

  func readTunnel() {
    if behaviour == .takesNothing { return }
    var room = [UInt8](repeating: 0, count: 4_096)
    while true {
      let count = room.withUnsafeMutableBytes { readInput(into: $0) }
      if count == 0 { break }
      received += count
      told += room[..<count]
      if behaviour == .resets {
        session?.reset(self, .cancel)
        return
      }
      let bytes = Array(room[..<count])
      if behaviour == .answers { session?.append(bytes.span, to: self) }
    }
    if isInputComplete && behaviour == .answers { session?.end(self) }
  }

  override func closed(_ code: HTTP2ErrorCode) {
    check(!isOver, "a stream ended twice")
    isOver = true
    tunnel?.streamClosed()
    tunnel = nil
    told.append(contentsOf: [254, UInt8(truncatingIfNeeded: code.rawValue)])
  }
}

private struct Outcome {
  var told: [[UInt8]] = []
  var isRefused = false
}

private func begin(
  _ session: HTTP2ClientSession, _ behaviour: Behaviour, _ method: HTTPMethod,
  isHandshake: Bool = false
) -> FuzzStream? {
  let stream = FuzzStream(behaviour, method, isHandshake: isHandshake)
  var fields = HTTP2FieldList()
  let text = "\(method) /a HTTP/1.1\r\nHost: a.test\r\nx-one: 1\r\n\r\n"
  fields.appendRequest(Array(text.utf8).span, scheme: "http", opensTunnel: isHandshake)
  let isEnd = method != .post && !isHandshake
  guard session.request(stream, &fields, isEnd: isEnd) else { return nil }
  if method == .post {
    // More than the first windows take.
    session.append([UInt8](repeating: 7, count: 70_000).span, to: stream)
    session.end(stream)
  }
  return stream
}

private func run(_ bytes: [UInt8], piece: Int, _ behaviour: Behaviour) -> Outcome {
  guard let session = HTTP2ClientSession(HTTP2Limits()) else { fatalError("no memory") }
  session.windowBudget = HTTP2WindowBudget(1 << 20)
  var sent: [UInt8] = []
  session.receive(settings.span, now: MonotonicTime(nanoseconds: 0))
  check(session.isConfirmed && session.takesWebSockets, "SETTINGS were not heard")
  var streams: [FuzzStream] = []
  for method in [HTTPMethod.get, .post, .head] {
    if let stream = begin(session, behaviour, method) { streams.append(stream) }
  }
  for _ in 0..<2 {
    if let stream = begin(session, behaviour, .get, isHandshake: true) { streams.append(stream) }
  }
  check(streams.count == 5, "a request was not taken")
  pump(session, &sent)
  feed(session, bytes, piece: piece, &sent) { offset in
    session.tellTunnels()
    if behaviour == .begins, session.takesRequests, session.streams.count < session.capacity,
      streams.count < 50, let stream = begin(session, behaviour, .get, isHandshake: offset & 1 == 1)
    {
      streams.append(stream)
    }
  }
  // The preface is the client's.
  check(sent.starts(with: preface), "no preface")
  var outcome = Outcome()
  outcome.isRefused =
    checkFrames(sent[preface.count...]) || streams.contains { $0.refusals > 0 } || session.isOver
  finish(session)
  outcome.told = streams.map(\.told)
  return outcome
}
