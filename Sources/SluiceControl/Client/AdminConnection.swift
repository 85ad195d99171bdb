import Glibc
import SluiceReactor
import SluiceWire

/// One connection of an `AdminClient`: one request and its answer, blocking.
final class AdminConnection {
  private let address: String
  private let descriptor: Int32
  private var received: [UInt8] = []

  /// An answer takes as long as the workers need; a reload waits for all of them.
  private static let patienceSeconds = 60
  /// More than any answer has.
  private static let maxAnswerBytes = 256 << 20

  struct Response {
    let status: Int
    let body: [UInt8]
  }

  init(to place: AdminAddress) throws(AdminClient.Failure) {
    address = place.text
    var reason = "the name has no address"
    for address in try place.resolve() {
      let descriptor = socket(
        address.family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
      if descriptor >= 0 {
        var patience = timeval(tv_sec: Self.patienceSeconds, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, size)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, size)
        if address.withSockaddr({ Glibc.connect(descriptor, $0, $1) }) == 0 {
          self.descriptor = descriptor
          return
        }
      }
      reason = String(cString: strerror(errno))
      if descriptor >= 0 { close(descriptor) }
    }
    throw .notReachable(address: place.text, reason: reason)
  }

  deinit { close(descriptor) }

  func send(_ bytes: [UInt8]) throws(AdminClient.Failure) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      if count < 0 && errno == EINTR { continue }
      // It may have answered and closed without having read everything: the answer says why.
      if count <= 0 { return }
      rest = rest.dropFirst(count)
    }
  }

  func receive() throws(AdminClient.Failure) -> Response {
    let (status, framing) = try receiveHead()
    var body: [UInt8] = []
    try receiveBody(framing) { piece in
      body += piece
      return body.count <= Self.maxAnswerBytes
    }
    return Response(status: status, body: body)
  }

  /// The final response's, informational ones aside.
  func receiveHead() throws(AdminClient.Failure) -> (status: Int, framing: BodyFraming) {
    var head = ResponseHead()
    var scanned = 0
    do throws(HeadError) {
      while true {
        let bytes = received
        let count = try head.parse(
          prefixOf: bytes.span, scanned: &scanned, requestMethod: .get, limits: HeadLimits())
        if let count {
          received.removeFirst(count)
          if !head.isInformational { break }
          scanned = 0
        } else if !readMore() {
          throw .incompleteHead
        }
      }
    } catch {
      throw .notUnderstood(address: address)
    }
    return (head.status, head.framing)
  }

  /// Hands out the body as it comes, until it ends or `take` answers false.
  func receiveBody(
    _ framing: BodyFraming, _ take: (ArraySlice<UInt8>) -> Bool
  ) throws(AdminClient.Failure) {
    var decoder = BodyDecoder(framing)
    var isWanted = true
    do throws(BodyError) {
      while !decoder.isComplete {
        var offset = 0
        let bytes = received
        while offset < bytes.count && !decoder.isComplete {
          switch try decoder.next(bytes.span, from: offset) {
          case .needsMore: offset = bytes.count
          case .payload(let range, let consumed):
            isWanted = take(bytes[range]) && isWanted
            offset = consumed
          case .complete(let consumed): offset = consumed
          }
        }
        received.removeFirst(offset)
        if decoder.isComplete { break }
        if !isWanted { return }
        if !readMore() {
          _ = try decoder.endOfInput()
          break
        }
      }
    } catch {
      throw .notUnderstood(address: address)
    }
  }

  private func readMore() -> Bool {
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = recv(descriptor, &chunk, chunk.count, 0)
      if count < 0 && errno == EINTR { continue }
      if count <= 0 { return false }
      received += chunk[..<count]
      return true
    }
  }
}
