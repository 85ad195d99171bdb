import SluiceReactor
import SluiceWire

/// Who looks on at one session: its flight recorder and its taps. Sessions without own none.
final class SessionWatch {
  private unowned let worker: Worker
  private(set) var ring: FrameRing?
  private var taps: [SessionTap] = []
  /// Frames whose payload is still coming, for taps that show it.
  private var fromClient: PayloadCapture?
  private var fromUpstream: PayloadCapture?

  init(worker: Worker) { self.worker = worker }

  /// Nobody looks on.
  var isIdle: Bool { ring == nil && taps.isEmpty }

  /// So many of the latest frames are kept from now on.
  func record(_ frames: Int) {
    if frames == 0 {
      ring = nil
    } else if ring == nil {
      ring = FrameRing(capacity: frames)
    } else {
      ring?.resize(to: frames)
    }
  }

  func add(_ tap: SessionTap) {
    taps.removeAll { $0.stream.isOver }
    taps.append(tap)
  }

  // MARK: Frames

  /// A frame of which nothing more is said.
  func append(_ frame: FrameRecord) {
    ring?.append(frame)
    if !taps.isEmpty { tell(frame, Span(), hasPayload: false) }
  }

  /// A frame and its whole payload, unmasked.
  func append(_ frame: FrameRecord, payload: Span<UInt8>) {
    ring?.append(frame)
    if !taps.isEmpty { tell(frame, payload, hasPayload: true) }
  }

  /// A frame begins; `payload` is what came of it so far, masked as it came.
  func begin(
    _ frame: FrameRecord, mask: WebSocketMask?, _ payload: Span<UInt8>, from side: SessionSide
  ) {
    ring?.append(frame)
    if taps.isEmpty { return }
    let wanted = taps.reduce(0) { max($0, $1.payloadBytes) }
    if wanted == 0 { return tell(frame, Span(), hasPayload: false) }
    var capture = PayloadCapture(frame, mask: mask, wanted: wanted)
    capture.take(payload)
    set(capture, side)
  }

  /// More of the payload of the frame that began last.
  func goOn(_ payload: Span<UInt8>, from side: SessionSide) {
    guard var capture = side == .client ? fromClient : fromUpstream else { return }
    set(nil, side)
    capture.take(payload)
    set(capture, side)
  }

  private func set(_ capture: PayloadCapture?, _ side: SessionSide) {
    var capture = capture
    if let whole = capture, whole.isWhole {
      tell(whole)
      capture = nil
    }
    if side == .client { fromClient = capture } else { fromUpstream = capture }
  }

  private func tell(_ capture: PayloadCapture) {
    var payload = ByteBuffer()
    payload.append(capture.bytes.span, mask: capture.mask ?? WebSocketMask(key: 0))
    tell(capture.frame, payload.span, hasPayload: true)
  }

  private func tell(_ frame: FrameRecord, _ payload: Span<UInt8>, hasPayload: Bool) {
    let clock = worker.wallClock(now: worker.loop.now)
    var hasLeft = false
    for tap in taps where !tap.send(frame, payload, hasPayload: hasPayload, clock) {
      hasLeft = true
    }
    if hasLeft { taps.removeAll { $0.stream.isOver } }
  }

  // MARK: The end

  /// Taps hear why the session ended, and are over.
  func end(_ ending: SessionEnding) {
    for capture in [fromClient, fromUpstream] {
      if let capture { tell(capture) }
    }
    (fromClient, fromUpstream) = (nil, nil)
    for tap in taps { tap.finish(ending) }
    taps = []
  }
}

/// The first bytes of a payload that comes in pieces.
private struct PayloadCapture {
  let frame: FrameRecord
  let mask: WebSocketMask?
  private let wanted: Int
  /// Masked as they came.
  private(set) var bytes: [UInt8] = []

  init(_ frame: FrameRecord, mask: WebSocketMask?, wanted: Int) {
    self.frame = frame
    self.mask = mask
    self.wanted = Int(min(UInt64(wanted), frame.size))
  }

  var isWhole: Bool { bytes.count == wanted }

  mutating func take(_ payload: Span<UInt8>) {
    let part = payload.extracting(0..<min(payload.count, wanted - bytes.count))
    part.withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
  }
}
