import SluiceReactor
import SluiceWire

/// What the targets of HTTP/2 share: an end of a connection without a socket.

/// What a client says first (RFC 9113 3.4).
let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

/// The session gets these bytes in pieces, and says what it has to; `then` is called behind each piece, with
/// its place, before that.
func feed(
  _ session: HTTP2Session, _ bytes: [UInt8], piece: Int, _ sent: inout [UInt8],
  then: (Int) -> Void = { _ in }
) {
  var offset = 0
  while offset < bytes.count {
    let end = min(bytes.count, offset + min(piece, bytes.count))
    session.receive(bytes.span.extracting(offset..<end), now: MonotonicTime(nanoseconds: 0))
    then(offset)
    offset = end
    pump(session, &sent)
    checkBooks(session)
  }
}

func finish(_ session: HTTP2Session) {
  session.close()
  check(session.streams.isEmpty && session.outputBytes == 0, "something is left")
}

/// Whatever the session has to say, behind what it said before.
func pump(_ session: HTTP2Session, _ sent: inout [UInt8]) {
  while true {
    while session.withNextFrame({ sent += array($0) }) {}
    guard let stream = session.nextDrained() else { break }
    stream.outputDrained()
  }
}

func checkBooks(_ session: HTTP2Session) {
  let waiting = session.streams.values.reduce(0) { $0 + $1.output.count }
  check(session.outputBytes == waiting, "\(session.outputBytes) bytes are counted of \(waiting)")
}

/// Each ends once, and holds nothing that looks like another.
func checkEnds(ofHead head: Span<UInt8>) {
  var ends = 0
  for index in head.indices.dropFirst(3)
  where head[index] == 10 && head[index - 1] == 13 && head[index - 2] == 10 { ends += 1 }
  check(ends == 1, "a head has \(ends) ends")
}

/// Whether any frame ended a stream or the connection.
func checkFrames(_ bytes: ArraySlice<UInt8>) -> Bool {
  var offset = bytes.startIndex
  var isRefused = false
  while offset < bytes.endIndex {
    check(bytes.endIndex - offset >= 9, "a cut frame")
    let length = Int(bytes[offset]) << 16 | Int(bytes[offset + 1]) << 8 | Int(bytes[offset + 2])
    check(length <= 16_384 && bytes.endIndex - offset >= 9 + length, "a cut or large frame")
    check(bytes[offset + 3] <= 9, "an unknown frame")
    if bytes[offset + 3] == 3 || bytes[offset + 3] == 7 { isRefused = true }
    offset += 9 + length
  }
  return isRefused
}
