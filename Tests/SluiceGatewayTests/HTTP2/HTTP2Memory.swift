import SluiceReactor
import SluiceWire

@testable import SluiceGateway

/// A stream that writes down what it is told.
final class RecordingStream: HTTP2ServerStream {
  var head: String?
  var isComplete = false
  var fault: HTTP2HeadFault?
  var body: [UInt8] = []
  var trailers: [(name: String, value: String)]?
  var closedWith: HTTP2ErrorCode?
  var drains = 0
  var takes = true

  override func requestBegan(_ head: Span<UInt8>, isComplete: Bool) {
    self.head = Self.text(head)
    self.isComplete = isComplete
  }

  override func requestRefused(_ fault: HTTP2HeadFault) {
    self.fault = fault
    session?.reset(self, .protocolError)
  }

  override var takesBody: Bool { takes }

  override func bodyArrived(_ bytes: Span<UInt8>) {
    bytes.withUnsafeBufferPointer { body += $0 }
  }

  override func inputEnded(_ trailers: TrailerSection) {
    self.trailers = trailers.fields.map {
      (Self.text(trailers.span($0.name)), Self.text(trailers.span($0.value)))
    }
  }

  override func outputDrained() { drains += 1 }
  override func closed(_ code: HTTP2ErrorCode) { closedWith = code }

  private static func text(_ bytes: Span<UInt8>) -> String {
    bytes.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
  }
}

final class RecordingSession: HTTP2ServerSession {
  var made: [Int32: RecordingStream] = [:]
  var takesBodies = true

  override func makeStream(_ id: Int32) -> HTTP2ServerStream {
    let stream = RecordingStream(id: id)
    stream.takes = takesBodies
    made[id] = stream
    return stream
  }
}

/// A session and its caller, without a socket between them.
final class HTTP2Memory {
  let session: RecordingSession
  let received = HTTP2Received()
  var now = MonotonicTime(nanoseconds: 0)
  /// How many bytes at a time the session gets.
  var piece = Int.max

  init(_ edit: (inout HTTP2Limits) -> Void = { _ in }, settings: HTTP2Frame = .settings()) {
    var limits = HTTP2Limits()
    edit(&limits)
    guard let session = RecordingSession(limits) else { fatalError("no memory") }
    self.session = session
    send(bytes: HTTP2Frame.preface + settings.bytes)
  }

  func send(_ frames: HTTP2Frame...) { send(bytes: frames.flatMap(\.bytes)) }

  func send(bytes: [UInt8]) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let next = Array(rest.prefix(piece))
      rest = rest.dropFirst(piece)
      session.receive(next.span, now: now)
      flush()
    }
  }

  /// Everything that the session has to say now.
  func flush() {
    var bytes: [UInt8] = []
    while true {
      while session.withNextFrame({ frame in frame.withUnsafeBufferPointer { bytes += $0 } }) {}
      guard let stream = session.nextDrained() else { break }
      stream.outputDrained()
    }
    received.receive(bytes)
  }

  func stream(_ id: Int32) -> RecordingStream? { session.made[id] }

  /// Answers with a status and fields; the body may follow.
  func respond(_ id: Int32, _ status: Int, _ lines: String = "", isEnd: Bool = false) {
    guard let stream = stream(id) else { return }
    var fields = HTTP2FieldList()
    fields.begin(status: status)
    fields.appendLines(Array(lines.utf8).span)
    session.respond(stream, &fields, isEnd: isEnd)
  }
}
