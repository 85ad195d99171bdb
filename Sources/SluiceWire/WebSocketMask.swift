/// The key that a client's frame is masked with (RFC 6455 5.3): payload byte i is XORed with key
/// byte i mod 4. Masking twice with the same key gives the payload back.
public struct WebSocketMask: Equatable, Sendable {
  /// The key, its first byte on the wire lowest.
  public let key: UInt32

  public init(key: UInt32) { self.key = key }

  /// Reads the key at `offset`.
  @inline(__always)
  init(_ bytes: Span<UInt8>, at offset: Int) {
    // SAFETY: any bits make a UInt32; the load itself checks its bounds.
    key = UInt32(
      littleEndian: bytes.bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }

  /// The mask for a payload's bytes from `offset` on.
  @inline(__always)
  public func advanced(by offset: Int) -> WebSocketMask {
    let shift = UInt32(truncatingIfNeeded: offset & 3) &* 8
    return WebSocketMask(key: key &>> shift | key &<< ((32 &- shift) & 31))
  }

  /// Masks or unmasks in place; `offset` is the place of the first byte in the payload.
  public func apply(to bytes: inout MutableSpan<UInt8>, offset: Int = 0) {
    let mask = advanced(by: offset)
    bytes.withUnsafeMutableBufferPointer { bytes in
      guard let start = bytes.baseAddress else { return }
      mask.copy(UnsafeRawPointer(start), to: UnsafeMutableRawPointer(start), bytes.count)
    }
  }

  /// XORs `count` bytes, 32 at a time; both sides may be the same memory, and need no alignment.
  @inline(__always)
  fileprivate func copy(
    _ source: UnsafeRawPointer, to target: UnsafeMutableRawPointer, _ count: Int
  ) {
    let word = UInt64(key) &* 0x1_0000_0001
    let wide = SIMD4<UInt64>(repeating: word.littleEndian)
    var at = 0
    while at &+ 32 <= count {
      let block = source.loadUnaligned(fromByteOffset: at, as: SIMD4<UInt64>.self)
      target.storeBytes(of: block ^ wide, toByteOffset: at, as: SIMD4<UInt64>.self)
      at &+= 32
    }
    while at &+ 8 <= count {
      let block = source.loadUnaligned(fromByteOffset: at, as: UInt64.self)
      target.storeBytes(of: block ^ word.littleEndian, toByteOffset: at, as: UInt64.self)
      at &+= 8
    }
    var rest = word
    while at < count {
      let byte = source.load(fromByteOffset: at, as: UInt8.self)
      target.storeBytes(
        of: byte ^ UInt8(truncatingIfNeeded: rest), toByteOffset: at, as: UInt8.self)
      rest &>>= 8
      at &+= 1
    }
  }
}

extension ByteBuffer {
  /// Appends `payload` masked, or unmasked if it was; `offset` is the place of its first byte in the
  /// frame's payload.
  public mutating func append(_ payload: Span<UInt8>, mask: WebSocketMask, offset: Int = 0) {
    let mask = mask.advanced(by: offset)
    let count = payload.count
    append(upTo: count) { room in
      payload.withUnsafeBufferPointer { payload in
        if let source = payload.baseAddress, let target = room.baseAddress {
          // Both hold `count` bytes: the span's own, and the room that was asked for.
          mask.copy(UnsafeRawPointer(source), to: target, count)
        }
      }
      return count
    }
  }
}
