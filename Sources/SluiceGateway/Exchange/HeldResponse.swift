import SluiceWire

/// A response whose head waits until a filter has seen the whole body: then it can still become an error.
final class HeldResponse {
  private var head = ResponseHead()
  /// The lines that were added to whatever the caller gets, before anything was said about this one.
  fileprivate let lines: [UInt8]
  /// What came out of the filters.
  private var body = ByteBuffer()

  private static let limits = HeadLimits(bytes: .max, fields: .max, target: 0)

  fileprivate init(_ edits: borrowing FieldEdits) { lines = edits.lines.copiedBytes() }

  fileprivate func keep(_ other: borrowing ResponseHead, _ method: HTTPMethod) -> Bool {
    var scanned = 0
    do throws(HeadError) {
      return try head.parse(
        prefixOf: other.bytes.span, scanned: &scanned, requestMethod: method,
        limits: Self.limits) != nil
    } catch {
      return false
    }
  }

  fileprivate func pass(
    _ bytes: Span<UInt8>, isLast: Bool, through filter: BodyFilter
  ) -> GatewayError? {
    filter.pass(bytes, isLast: isLast) { body.append($0) }
  }

  fileprivate func send(to downstream: any DownstreamStream, of exchange: Exchange) -> Int {
    downstream.sendHead(head, of: exchange)
    if !body.isEmpty { downstream.sendBody(body.span) }
    return body.count
  }
}

extension Exchange {
  /// For a policy that adds a filter which bounds what it collects: nothing is sent before the body is
  /// whole, so that what the filter refuses is answered as an error and not cut short. What policies say
  /// about the response from now on is not said about the error.
  func holdResponse() { if held == nil { held = HeldResponse(responseEdits) } }

  /// The response that was held back is not sent; answers with the error.
  func replace(_ held: HeldResponse, by error: GatewayError) {
    self.held = nil
    responseFilter = nil
    responseEdits.setLines(held.lines)
    fail(error)
  }

  /// The target's head has come, and waits.
  func hold(_ head: borrowing ResponseHead, in held: HeldResponse) {
    if !held.keep(head, request.method) { cutShort(.internalError) }
  }

  /// A piece of the body, or its end; false when it could not go on.
  func passHeld(
    _ bytes: Span<UInt8>, isLast: Bool, _ held: HeldResponse, _ filter: BodyFilter,
    _ downstream: any DownstreamStream
  ) -> Bool {
    if let error = held.pass(bytes, isLast: isLast, through: filter) {
      cutShort(error)
      return false
    }
    if isLast {
      self.held = nil
      record.sent &+= UInt64(held.send(to: downstream, of: self))
    }
    return true
  }
}
