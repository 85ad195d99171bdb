import SluiceReactor
import SluiceWire

/// Tells the session's `SessionWatch`, where there is one, of frames and what became of them.
extension Session {
  /// Nil when nobody looks on; what the last one has left behind is then let go.
  var watch: SessionWatch? {
    guard isWatched, let watch = worker.watches[place] else { return nil }
    if !watch.isIdle { return watch }
    worker.watches.remove(place)
    isWatched = false
    return nil
  }

  /// Begins, changes or ends the flight recorder as the route's setting says.
  func applyRecorder() {
    let frames = settings.recordedFrames
    if frames == 0 && !isWatched { return }
    let watch = worker.watches.watch(place, worker)
    watch.record(frames)
    if watch.isIdle { worker.watches.remove(place) }
    isWatched = !watch.isIdle
  }

  func add(_ tap: SessionTap) {
    worker.watches.watch(place, worker).add(tap)
    isWatched = true
  }

  /// The session is over: taps end, and what an abnormal end left is kept for a while.
  func endWatch(_ ending: SessionEnding) {
    guard let watch else { return }
    isWatched = false
    worker.watches.remove(place)
    watch.end(ending)
    if ending.isAbnormal, let ring = watch.ring {
      worker.watches.ended.insert(
        RecordingStore.Entry(id: id, ended: loop.now, ending: ending, frames: ring.inOrder))
    }
  }

  // MARK: What passes as it came

  /// Bytes that hold one frame's header and what came of its payload, or more of the latter.
  func noteRelayed(_ bytes: Span<UInt8>, beginsFrame: Bool, from side: SessionSide) {
    guard let watch else { return }
    guard beginsFrame, let header = WebSocketFrameHeader(bytes) else {
      return watch.goOn(bytes, from: side)
    }
    watch.begin(
      record(header, from: side), mask: header.mask,
      bytes.extracting(header.headerLength..<bytes.count), from: side)
  }

  /// The same for a header of which a part came earlier.
  func noteRelayed(_ held: WebSocketHeldBytes, _ bytes: Span<UInt8>, from side: SessionSide) {
    guard let watch else { return }
    var start = ByteBuffer(capacity: WebSocketFrameHeader.maxLength)
    start.append(held)
    let rest = min(bytes.count, WebSocketFrameHeader.maxLength - held.count)
    start.append(bytes.extracting(0..<rest))
    guard let header = WebSocketFrameHeader(start.span) else { return }
    watch.begin(
      record(header, from: side), mask: header.mask,
      bytes.extracting(header.headerLength - held.count..<bytes.count), from: side)
  }

  private func record(_ header: WebSocketFrameHeader, from side: SessionSide) -> FrameRecord {
    FrameRecord(
      .init(from: side), opcode: header.opcode.rawValue, size: header.payloadLength,
      machine.passes(from: side) ? .passed : .dropped, isFinal: header.isFinal,
      isCompressed: header.isCompressed, at: loop.now)
  }

  // MARK: What the gateway looked at

  func note(
    _ message: WebSocketMessage, _ payload: Span<UInt8>, _ decision: FrameRecord.Decision,
    from side: SessionSide
  ) {
    watch?.append(
      FrameRecord(
        .init(from: side), opcode: message.opcode.rawValue, size: UInt64(payload.count), decision,
        isCompressed: message.isCompressed, at: loop.now),
      payload: payload)
  }

  /// A control frame whose payload is in the worker's scratch.
  func noteControl(
    _ opcode: WebSocketOpcode, _ decision: FrameRecord.Decision, from side: SessionSide
  ) {
    guard let watch else { return }
    let worker = self.worker
    Self.append(opcode, worker.scratch, decision, from: side, at: loop.now, to: watch)
  }

  private static func append(
    _ opcode: WebSocketOpcode, _ payload: borrowing ByteBuffer, _ decision: FrameRecord.Decision,
    from side: SessionSide, at time: MonotonicTime, to watch: SessionWatch
  ) {
    watch.append(
      FrameRecord(
        .init(from: side), opcode: opcode.rawValue, size: UInt64(payload.count), decision, at: time),
      payload: payload.span)
  }

  /// A frame that nobody could take.
  func noteRefused(_ frame: WebSocketFrameGlimpse, from side: SessionSide) {
    watch?.append(
      FrameRecord(
        .init(from: side), opcode: frame.opcode, size: frame.payloadLength, .closed,
        isFinal: frame.isFinal, at: loop.now))
  }

  /// A frame that waited for the caller and will not be sent.
  func noteGivenUp(_ frame: [UInt8]) {
    guard let watch, let header = WebSocketFrameHeader(frame.span) else { return }
    watch.append(
      FrameRecord(
        .init(from: .upstream), opcode: header.opcode.rawValue, size: header.payloadLength,
        .dropped, isCompressed: header.isCompressed, at: loop.now))
  }

  /// A frame of the gateway's own; what it says is nobody else's business.
  func noteInjected(_ opcode: WebSocketOpcode, size: Int, to side: SessionSide) {
    watch?.append(
      FrameRecord(
        .init(to: side), opcode: opcode.rawValue, size: UInt64(size), .injected, at: loop.now))
  }
}
