import COpenSSL
import CTLS13
import SluiceWire

/// What one look for plaintext brought.
enum TLSPiece: Equatable {
  case bytes(Int)
  case needsMore
  /// The peer's close_notify.
  case end
  case failed
}

/// The records of one connection of TLS 1.3 after its handshake (RFC 8446 5), in the place of OpenSSL's
/// object: some 400 bytes, 224 of them keys, instead of 13 KB, and plaintext is sealed and opened where it
/// lies (docs/decisions/0020-own-records-of-tls-1.3.md). The cryptography is OpenSSL's.
///
/// ```
///  reading:  open ──close_notify──▶ ended, for good        every rule broken ──▶ failed, after an alert
///              └─ key update: the peer's next keys; ours too, if it asks
///  writing:  open ──our close_notify──▶ finished: nothing is sealed any more
/// ```
/// For servers: a client would also get tickets. Owns no buffer while no record is incomplete. On the
/// loop's thread.
final class TLSRecordLayer {
  /// Empty records and updates of keys that a peer may send between two bytes of text: each costs time.
  static let maxIdleRecords = 32
  /// Updates of keys that a peer may send in a row, and so much text of its earns another one.
  static let maxUpdates = 64
  static let textPerUpdate = 4 * 1_024
  private static let fullCredit = Int32(maxUpdates * textPerUpdate)
  /// Records that one key of AES-GCM seals (RFC 8446 5.5), then comes the next.
  static let recordsPerKey: UInt64 = 1 << 24

  private let suite: TLSCiphers.Suite
  private let ciphers: TLSCiphers
  /// Ours, then the peer's. In memory of their own, so that they can be overwritten.
  let keys: UnsafeMutablePointer<ctls13_traffic_keys>
  /// The beginning of a record.
  private(set) var partial = ByteBuffer()
  /// Plaintext for which its reader had no room.
  private var text = ByteBuffer()
  private var idleRecords: UInt8 = 0
  /// The peer's close_notify came.
  private var hasEnded = false
  /// Ours is written.
  private var isFinished = false
  /// Text that updates of the peer's keys may still use up.
  private var updateCredit = TLSRecordLayer.fullCredit
  /// Why it has failed, in words.
  private(set) var failure: String?

  /// Takes both secrets (RFC 8446 7.1, `… ap traffic`), after so many records of ours and of the peer's
  /// under them. Nil when OpenSSL fails.
  init?(
    _ suite: TLSCiphers.Suite, _ secrets: TLSSecrets, sealed: UInt64, opened: UInt64 = 0,
    _ ciphers: TLSCiphers
  ) {
    self.suite = suite
    self.ciphers = ciphers
    keys = .allocate(capacity: 2)
    keys.initialize(repeating: ctls13_traffic_keys(), count: 2)
    secrets.copy(ours: keys, theirs: keys + 1)
    if !ciphers.derive(keys, suite) || !ciphers.derive(keys + 1, suite) { return nil }
    keys[0].sequence = sealed
    keys[1].sequence = opened
  }

  deinit {
    ciphers.forget(keys, suite)
    ciphers.forget(keys + 1, suite)
    OPENSSL_cleanse(keys, 2 * MemoryLayout<ctls13_traffic_keys>.size)
    keys.deallocate()
  }

  /// Plaintext that is held because what it was read for was full.
  var hasPlaintext: Bool { !text.isEmpty }
  var hasPartOfRecord: Bool { !partial.isEmpty }
  /// Ciphertext that waits for the rest of its record.
  var heldBytes: Int { partial.count }

  // MARK: Reading

  /// Opens records of the transport's input until there is plaintext, at most one record of it, and
  /// writes to its output what has to be answered. `room` is not empty.
  func read(into room: UnsafeMutableRawBufferPointer, _ transport: TLSTransport) -> TLSPiece {
    if failure != nil { return .failed }
    if !text.isEmpty { return .bytes(takeText(into: room)) }
    if hasEnded { return end(transport) }
    while transport.output.count <= transport.outputLimit {
      let message: TLSRecord.Message
      var isInRoom = false
      switch nextRecord(transport) {
      case .needsMore: return .needsMore
      case .refused(let alert): return refuse(alert, transport)
      case .record(let bytes):
        isInRoom = room.count >= bytes.count - TLSRecord.headerBytes - Int(ctls13_record_tag)
        let target = isInRoom ? room : transport.scratch
        message = open(bytes, into: target)
      }
      partial.release()
      switch message {
      case .text(let count) where count > 0:
        countText(count)
        if isInRoom { return .bytes(count) }
        let taken = min(count, room.count)
        room.copyMemory(from: UnsafeRawBufferPointer(rebasing: transport.scratch[..<taken]))
        text.append(upTo: count - taken) { rest in
          rest.copyMemory(from: UnsafeRawBufferPointer(rebasing: transport.scratch[taken..<count]))
          return count - taken
        }
        return .bytes(taken)
      case .closeNotify: return end(transport)
      case .failed(let code):
        failure = Self.words(alert: code)
        return .failed
      case .refused(let alert): return refuse(alert, transport)
      case .keyUpdate(let wantsAnswer):
        if !countIdleRecord() || !countUpdate() { return refuse(.unexpectedMessage, transport) }
        if !takeUpdate(wantsAnswer, transport) { return refuse(.internalError, transport) }
      case .text, .ignored:
        if !countIdleRecord() { return refuse(.unexpectedMessage, transport) }
      }
    }
    return .needsMore
  }

  /// Whether plaintext, an end or nothing comes next; plaintext stays.
  func peek(_ transport: TLSTransport) -> TLSPiece {
    if !text.isEmpty { return .bytes(1) }
    return withUnsafeTemporaryAllocation(byteCount: TLSRecord.maxLength, alignment: 16) { room in
      let piece = read(into: room, transport)
      guard case .bytes(let count) = piece else { return piece }
      text.append(upTo: count) {
        $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: room[..<count]))
        return count
      }
      return .bytes(1)
    }
  }

  /// What comes behind the peer's close_notify is nobody's (RFC 8446 6.1).
  private func end(_ transport: TLSTransport) -> TLSPiece {
    hasEnded = true
    transport.input = UnsafeRawBufferPointer(start: nil, count: 0)
    return .end
  }

  private func takeText(into room: UnsafeMutableRawBufferPointer) -> Int {
    let count = min(room.count, text.count)
    text.withUnsafeBytes { room.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    text.consume(count)
    if text.isEmpty { text.release() }
    return count
  }

  private enum Next {
    case needsMore
    case refused(TLSRecord.Alert)
    /// Good until the transport's input or `partial` changes.
    case record(UnsafeRawBufferPointer)
  }

  /// The next whole record, taken from the transport's input.
  private func nextRecord(_ transport: TLSTransport) -> Next {
    if !partial.isEmpty { return heldRecord(transport) }
    switch TLSRecord.frame(transport.input) {
    case .refused(let alert): return .refused(alert)
    case .needsMore: hold(transport.input.count, transport)
    case .record(let length):
      let total = TLSRecord.headerBytes + length
      if transport.input.count >= total {
        let record = UnsafeRawBufferPointer(rebasing: transport.input[..<total])
        transport.input = UnsafeRawBufferPointer(rebasing: transport.input[total...])
        return .record(record)
      }
      hold(transport.input.count, transport)
    }
    return .needsMore
  }

  private func heldRecord(_ transport: TLSTransport) -> Next {
    hold(TLSRecord.headerBytes - partial.count, transport)
    switch partial.withUnsafeBytes({ TLSRecord.frame($0) }) {
    case .refused(let alert): return .refused(alert)
    case .needsMore: return .needsMore
    case .record(let length):
      let total = TLSRecord.headerBytes + length
      hold(total - partial.count, transport)
      if partial.count < total { return .needsMore }
      // SAFETY: `partial` is not touched before the record is open.
      return .record(partial.withUnsafeBytes { $0 })
    }
  }

  /// Moves so much of the transport's input, as far as it goes, behind `partial`, whose memory is not more
  /// than twice what has arrived: what a header announces need never come.
  private func hold(_ wanted: Int, _ transport: TLSTransport) {
    let count = min(wanted, transport.input.count)
    if count <= 0 { return }
    partial.append(upTo: count) {
      $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: transport.input[..<count]))
      return count
    }
    transport.input = UnsafeRawBufferPointer(rebasing: transport.input[count...])
  }

  private func open(
    _ record: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer
  ) -> TLSRecord.Message {
    guard let start = target.baseAddress, ciphers.open(suite, keys + 1, record, into: start) else {
      return .refused(.badRecordMAC)
    }
    let count = record.count - TLSRecord.headerBytes - Int(ctls13_record_tag)
    return TLSRecord.message(UnsafeRawBufferPointer(rebasing: target[..<count]))
  }

  private func countText(_ count: Int) {
    idleRecords = 0
    updateCredit = min(updateCredit + Int32(count), Self.fullCredit)
  }

  private func countIdleRecord() -> Bool {
    idleRecords += 1
    return idleRecords <= Self.maxIdleRecords
  }

  private func countUpdate() -> Bool {
    updateCredit -= Int32(Self.textPerUpdate)
    return updateCredit >= 0
  }

  /// The peer's keys change; and ours, behind a record that says so under the old ones, while we write.
  private func takeUpdate(_ wantsAnswer: Bool, _ transport: TLSTransport) -> Bool {
    ciphers.advance(keys + 1, suite) && (!wantsAnswer || isFinished || updateKeys(transport))
  }

  /// Tells the peer what rule it broke, and ends. When it is OpenSSL that has failed the peer is told
  /// nothing: no record is sealed with keys of which something is wrong.
  private func refuse(_ alert: TLSRecord.Alert, _ transport: TLSTransport) -> TLSPiece {
    partial.release()
    text.release()
    if alert != .internalError && !isFinished {
      _ = seal(.alert, [2, alert.rawValue], transport)
    }
    failure = Self.words(refused: alert)
    return .failed
  }

  // MARK: Writing

  /// Seals `bytes` into the transport's output. False when that fails, and after `writeNotice`; then the
  /// connection is over.
  func write(_ bytes: UnsafeRawBufferPointer, _ transport: TLSTransport) -> Bool {
    var rest = bytes
    while !rest.isEmpty {
      let count = min(rest.count, TLSRecord.maxText)
      if keys[0].sequence >= Self.recordsPerKey && !updateKeys(transport) { return false }
      let piece = UnsafeRawBufferPointer(rebasing: rest[..<count])
      if !seal(.applicationData, piece, transport) { return false }
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
    return true
  }

  /// Our close_notify, the last record: the peer may have been sent a FIN, and whatever it sends, nothing
  /// answers it.
  func writeNotice(_ transport: TLSTransport) {
    _ = seal(.alert, [1, 0], transport)
    isFinished = true
  }

  /// A KeyUpdate (RFC 8446 4.6.3), and then our next keys. `wantsAnswer`: the peer's, too.
  func updateKeys(_ transport: TLSTransport, wantsAnswer: Bool = false) -> Bool {
    seal(.handshake, [24, 0, 0, 1, wantsAnswer ? 1 : 0], transport) && ciphers.advance(keys, suite)
  }

  func seal(
    _ content: TLSRecord.Content, _ bytes: [UInt8], _ transport: TLSTransport
  ) -> Bool {
    bytes.withUnsafeBytes { seal(content, $0, transport) }
  }

  private func seal(
    _ content: TLSRecord.Content, _ bytes: UnsafeRawBufferPointer, _ transport: TLSTransport
  ) -> Bool {
    if isFinished { return false }
    var isSealed = false
    let total = bytes.count + TLSRecord.overhead
    transport.output.append(upTo: total) { room in
      guard let start = room.baseAddress else { return 0 }
      isSealed = ciphers.seal(suite, keys, content, bytes, into: start)
      return isSealed ? total : 0
    }
    return isSealed
  }

  // MARK: Words

  private static func words(alert code: UInt8) -> String {
    guard let name = SSL_alert_desc_string_long(Int32(code)) else { return "alert \(code)" }
    return "the peer's alert: \(String(cString: name))"
  }

  private static func words(refused alert: TLSRecord.Alert) -> String {
    switch alert {
    case .unexpectedMessage: "unexpected message"
    case .badRecordMAC: "bad record mac"
    case .recordOverflow: "record overflow"
    case .decodeError: "decode error"
    case .internalError: "internal error"
    }
  }
}
