import SluiceReactor
import SluiceWire

/// Whatever frames a caller sends, the session's books balance, what it sends are whole frames, and no
/// head begins a request that the strict parser would read as two. Where nothing was refused, the
/// requests are the same however the bytes arrive.
///
/// The first byte says how the streams behave, the second how large the pieces are; the rest comes behind
/// a preface and empty SETTINGS.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let all = input(data, count)
  guard all.count > 2 else { return 0 }
  let bytes = preface + settings + Array(all[2...])
  let behaviour = Behaviour(rawValue: all[0] % 4) ?? .silent
  let whole = run(bytes, piece: .max, behaviour)
  let pieces = run(bytes, piece: Int(all[1]) + 1, behaviour)
  if behaviour == .silent && !whole.isRefused && !pieces.isRefused {
    check(whole.requests == pieces.requests, "the requests depend on how the bytes arrive")
  }
  return 0
}

private let settings: [UInt8] = [0, 0, 0, 4, 0, 0, 0, 0, 0]

private enum Behaviour: UInt8 {
  /// Nobody answers.
  case silent
  /// At once, with a body larger than the windows.
  case answers
  /// Bodies wait.
  case takesNothing
  /// The first byte of a body is too much.
  case resets
}

private final class FuzzStream: HTTP2ServerStream {
  private let behaviour: Behaviour
  private(set) var head: [UInt8] = []
  private(set) var body: [UInt8] = []
  private(set) var isRefused = false
  private var isOver = false

  init(id: Int32, _ behaviour: Behaviour) {
    self.behaviour = behaviour
    super.init(id: id)
  }

  override func requestBegan(_ head: Span<UInt8>, isComplete: Bool) {
    check(!isOver && self.head.isEmpty, "a stream began twice, or after its end")
    self.head = array(head)
    checkHead(head)
    if isTunnel { staysOpen = true }
    guard behaviour == .answers else { return }
    var fields = HTTP2FieldList()
    fields.begin(status: 200)
    session?.respond(self, &fields, isEnd: false)
    session?.append([UInt8](repeating: 7, count: 70_000).span, to: self)
    session?.end(self)
  }

  /// It is one request, whole, and what a parser of HTTP/1.1 makes of it has one length.
  private func checkHead(_ head: Span<UInt8>) {
    checkEnds(ofHead: head)
    var request = RequestHead()
    do throws(HeadError) {
      try request.parse(head, limits: HeadLimits(bytes: .max, fields: 200, target: 8_192))
    } catch {
      // The parser's refusal is the stream's.
      return
    }
    if isTunnel { check(request.framing == .none, "a tunnel has a body") }
  }

  override func requestRefused(_ fault: HTTP2HeadFault) {
    isRefused = true
    session?.reset(self, .protocolError)
  }

  override var takesBody: Bool { behaviour != .takesNothing && !isTunnel }

  override func bodyArrived(_ bytes: Span<UInt8>) {
    check(!isOver, "a body after the end")
    body += array(bytes)
    if behaviour == .resets { session?.reset(self, .cancel) }
  }

  override func closed(_ code: HTTP2ErrorCode) {
    check(!isOver, "a stream ended twice")
    isOver = true
  }
}

private final class FuzzSession: HTTP2ServerSession {
  private let behaviour: Behaviour
  var all: [FuzzStream] = []

  init?(_ behaviour: Behaviour) {
    self.behaviour = behaviour
    super.init(HTTP2Limits())
  }

  override func makeStream(_ id: Int32) -> HTTP2ServerStream {
    let stream = FuzzStream(id: id, behaviour)
    all.append(stream)
    return stream
  }
}

private struct Outcome {
  var requests: [[UInt8]] = []
  var isRefused = false
}

private func run(_ bytes: [UInt8], piece: Int, _ behaviour: Behaviour) -> Outcome {
  guard let session = FuzzSession(behaviour) else { fatalError("no memory") }
  var outcome = Outcome()
  var sent: [UInt8] = []
  feed(session, bytes, piece: piece, &sent)
  outcome.isRefused = checkFrames(sent[...]) || session.all.contains(where: \.isRefused)
  outcome.requests = session.all.map { $0.head + $0.body }
  finish(session)
  return outcome
}
