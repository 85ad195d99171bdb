/// Growable bytes with one owner: written at the end, consumed at the front.
///
/// An empty buffer that never grew owns no memory, so an idle connection may hold one for nothing.
/// `clear()` keeps the memory for the next use, `release()` gives it back.
/// Not thread-safe. Reading costs nothing; appending is a bounds check and a copy.
public struct ByteBuffer: ~Copyable {
  @usableFromInline var storage: UnsafeMutablePointer<UInt8>?
  @usableFromInline var capacity: Int
  @usableFromInline var head: Int
  @usableFromInline var tail: Int

  public init() {
    storage = nil
    capacity = 0
    head = 0
    tail = 0
  }

  public init(capacity: Int) {
    self.init()
    reserve(capacity)
  }

  deinit { storage?.deallocate() }

  /// Bytes that can be read.
  @inlinable public var count: Int { tail &- head }
  @inlinable public var isEmpty: Bool { tail == head }
  /// Bytes of memory owned, used or not.
  public var allocatedBytes: Int { capacity }

  /// The readable bytes.
  public var span: Span<UInt8> {
    @inlinable
    @_lifetime(borrow self)
    get {
      // SAFETY: head ≤ tail ≤ capacity always holds, and the storage lives as long as self.
      let bytes = UnsafeBufferPointer(start: storage.map { UnsafePointer($0 + head) }, count: count)
      let span = Span(_unsafeElements: bytes)
      return _overrideLifetime(span, borrowing: self)
    }
  }

  /// Calls `body` with the readable bytes; for system calls. The pointer must not escape.
  public borrowing func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
    // SAFETY: as in `span`; the storage can't change while self is borrowed.
    body(UnsafeRawBufferPointer(start: storage.map { $0 + head }, count: count))
  }

  /// Makes room for `additional` more bytes behind the readable ones.
  @inlinable
  @inline(__always)
  public mutating func reserve(_ additional: Int) {
    if capacity &- tail < additional { makeRoom(additional) }
  }

  @usableFromInline
  @inline(never)
  mutating func makeRoom(_ additional: Int) {
    precondition(additional >= 0)
    let used = count
    if let storage, head > 0, capacity - used >= additional, head >= used {
      storage.update(from: storage + head, count: used)
      head = 0
      tail = used
      return
    }
    let wanted = max(used + additional, capacity * 2, 64)
    let grown = UnsafeMutablePointer<UInt8>.allocate(capacity: wanted)
    if let storage {
      grown.update(from: storage + head, count: used)
      storage.deallocate()
    }
    storage = grown
    capacity = wanted
    head = 0
    tail = used
  }

  @inlinable
  @inline(__always)
  public mutating func append(_ byte: UInt8) {
    reserve(1)
    // SAFETY: reserve made room for one byte at tail.
    storage.unsafelyUnwrapped[tail] = byte
    tail &+= 1
  }

  @inlinable
  public mutating func append(_ bytes: Span<UInt8>) {
    let added = bytes.count
    if added == 0 { return }
    reserve(added)
    // SAFETY: reserve made room for `added` bytes at tail; a span never aliases memory that self owns
    // alone, because self is borrowed exclusively here.
    bytes.withUnsafeBufferPointer { source in
      // Raw: `update` would compare the addresses first.
      UnsafeMutableRawPointer(storage.unsafelyUnwrapped + tail).copyMemory(
        from: source.baseAddress.unsafelyUnwrapped, byteCount: added)
    }
    tail &+= added
  }

  /// Inlined, so that the literal's length is a constant and the copy a few moves.
  @inlinable
  @inline(__always)
  public mutating func append(_ text: StaticString) {
    let added = text.utf8CodeUnitCount
    reserve(added)
    // SAFETY: reserve made room; StaticString's storage is immortal.
    UnsafeMutableRawPointer(storage.unsafelyUnwrapped + tail).copyMemory(
      from: text.utf8Start, byteCount: added)
    tail &+= added
  }

  public mutating func append(_ bytes: [UInt8]) { append(bytes.span) }

  /// Appends bytes with their ASCII letters in lower case.
  public mutating func append(lowercased bytes: Span<UInt8>) {
    let added = bytes.count
    if added == 0 { return }
    reserve(added)
    // SAFETY: reserve made room for `added` bytes at tail.
    let end = storage.unsafelyUnwrapped + tail
    for index in 0..<added { end[index] = bytes[index].asciiLowercased }
    tail &+= added
  }

  /// Appends the UTF-8 of `text`. For set-up and tests; the request path has bytes.
  public mutating func append(utf8 text: String) {
    var text = text
    text.withUTF8 { source in
      // SAFETY: the span ends with this call; `text` is not touched in it.
      append(Span(_unsafeElements: source))
    }
  }

  /// Appends `value` in decimal digits.
  public mutating func append(decimal value: UInt64) {
    if value < 10 { return append(0x30 &+ UInt8(truncatingIfNeeded: value)) }
    var digits = 1
    // 20 are the most that a UInt64 has.
    var bound: UInt64 = 10
    while digits < 20, value >= bound {
      digits &+= 1
      bound &*= 10
    }
    append(decimal: value, digits: digits)
  }

  /// Appends the last `digits` decimal digits of `value`, with zeros in front where it has fewer.
  public mutating func append(decimal value: UInt64, digits: Int) {
    precondition(digits > 0 && digits <= 20)
    reserve(digits)
    // SAFETY: reserve made room for so many bytes at tail.
    let start = storage.unsafelyUnwrapped + tail
    var rest = value
    var at = digits
    while at > 0 {
      at &-= 1
      start[at] = 0x30 &+ UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    }
    tail &+= digits
  }

  /// Appends all 16 hexadecimal digits of `value`, in lower case.
  public mutating func append(wholeHex value: UInt64) {
    reserve(16)
    // SAFETY: reserve made room for 16 bytes at tail.
    let start = UnsafeMutableRawPointer(storage.unsafelyUnwrapped + tail)
    start.storeBytes(
      of: Self.hexDigits(UInt32(truncatingIfNeeded: value &>> 32)).bigEndian, as: UInt64.self)
    start.storeBytes(
      of: Self.hexDigits(UInt32(truncatingIfNeeded: value)).bigEndian, toByteOffset: 8,
      as: UInt64.self)
    tail &+= 16
  }

  /// The eight digits, the first one highest; all at once.
  @inline(__always)
  private static func hexDigits(_ value: UInt32) -> UInt64 {
    // Each half byte moves into a byte of its own.
    var spread = UInt64(value)
    spread = (spread | spread &<< 16) & 0x0000_FFFF_0000_FFFF
    spread = (spread | spread &<< 8) & 0x00FF_00FF_00FF_00FF
    spread = (spread | spread &<< 4) & 0x0F0F_0F0F_0F0F_0F0F
    // A bit in each byte that is 10 or more; "a" stands 39 behind where it would follow "9".
    let letters = (spread &+ Word.ones &* 6) &>> 4 & Word.ones
    return spread &+ Word.ones &* 0x30 &+ letters &* 39
  }

  /// Appends what `bytes` are as the content of a JSON string in ASCII: those above 0x7E become their
  /// Latin-1 form, as do control characters.
  public mutating func append(asciiJSON bytes: Span<UInt8>) {
    if Self.isPlainInJSON(bytes) { return append(bytes) }
    var clean = 0
    var at = 0
    while at < bytes.count {
      if at &+ 8 <= bytes.count {
        let matches = Word.escapedInJSON(bytes.word(at: at))
        if matches == 0 {
          at &+= 8
          continue
        }
        at &+= Word.firstIndex(matches)
      }
      let byte = bytes[at]
      if byte >= 0x20 && byte < 0x7F && byte != 0x22 && byte != 0x5C {
        at &+= 1
        continue
      }
      append(bytes.extracting(clean..<at))
      append(0x5C)
      if byte == 0x22 || byte == 0x5C {
        append(byte)
      } else {
        append("u00")
        append(Self.hexDigit(byte &>> 4))
        append(Self.hexDigit(byte & 15))
      }
      at &+= 1
      clean = at
    }
    append(bytes.extracting(clean..<at))
  }

  /// Whether they are the content of a JSON string in ASCII as they are.
  @inline(__always)
  private static func isPlainInJSON(_ bytes: Span<UInt8>) -> Bool {
    let count = bytes.count
    if count >= 8 {
      // The last word may overlap the one before it.
      var at = 0
      while true {
        if Word.escapedInJSON(bytes.word(at: at)) != 0 { return false }
        if at &+ 8 == count { return true }
        at = min(at &+ 8, count &- 8)
      }
    }
    if count >= 4 { return Word.escapedInJSON(bytes.ends) == 0 }
    for index in 0..<count {
      let byte = bytes[index]
      if byte < 0x20 || byte > 0x7E || byte == 0x22 || byte == 0x5C { return false }
    }
    return true
  }

  private static func hexDigit(_ value: UInt8) -> UInt8 { value < 10 ? 48 &+ value : 87 &+ value }

  /// Appends `value` in lower-case hexadecimal digits without leading zeros.
  public mutating func append(hex value: UInt64) {
    var shift = value == 0 ? 0 : (63 - value.leadingZeroBitCount) / 4 * 4
    while shift >= 0 {
      let digit = UInt8(truncatingIfNeeded: value >> UInt64(shift)) & 15
      append(digit < 10 ? 48 &+ digit : 87 &+ digit)
      shift -= 4
    }
  }

  /// Appends a copy of bytes that are already in this buffer; `range` counts from the front.
  public mutating func appendCopy(of range: Range<Int>) {
    precondition(range.lowerBound >= 0 && range.upperBound <= count)
    let added = range.count
    if added == 0 { return }
    reserve(added)
    // SAFETY: the range lies within head..<tail, and reserve made room for as many bytes at tail.
    let start = storage.unsafelyUnwrapped
    (start + tail).update(from: start + head + range.lowerBound, count: added)
    tail &+= added
  }

  /// Lets `fill` write up to `capacity` bytes at the end and return how many it wrote (≥ 0).
  public mutating func append(
    upTo capacity: Int, _ fill: (UnsafeMutableRawBufferPointer) -> Int
  ) {
    reserve(capacity)
    // SAFETY: reserve made room for `capacity` bytes at tail; the count returned is checked.
    let room = UnsafeMutableRawBufferPointer(
      start: storage.map { $0 + tail }, count: capacity)
    let written = fill(room)
    precondition(written >= 0 && written <= capacity)
    tail &+= written
  }

  /// Forgets the first `count` readable bytes.
  public mutating func consume(_ count: Int) {
    precondition(count >= 0 && count <= self.count)
    head &+= count
    if head == tail {
      head = 0
      tail = 0
    }
  }

  /// Cuts the readable bytes down to the first `count`.
  public mutating func truncate(to count: Int) {
    precondition(count >= 0 && count <= self.count)
    tail = head &+ count
  }

  /// Forgets everything, keeps the memory.
  public mutating func clear() {
    head = 0
    tail = 0
  }

  /// Forgets everything and gives the memory back.
  public mutating func release() {
    storage?.deallocate()
    storage = nil
    capacity = 0
    head = 0
    tail = 0
  }
}

extension ByteBuffer {
  /// A copy of the readable bytes on the heap; for what leaves the request path.
  public borrowing func copiedBytes() -> [UInt8] { withUnsafeBytes { Array($0) } }
}
