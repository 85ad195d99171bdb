internal import CZlib
import SluiceWire

/// RFC 1952, by zlib.
final class GzipCompressor: Compressor {
  // SAFETY: allocated in init and freed in deinit; zlib keeps its address, so it never moves.
  private let stream: UnsafeMutablePointer<z_stream>

  /// 32 KiB of window, the format's largest, and the sign for gzip's head and trailer.
  private static let windowBits: Int32 = 15 + 16
  private static let memoryLevel: Int32 = 8

  init?(level: Int) {
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    let code = deflateInit2_(
      stream, Int32(level), Z_DEFLATED, Self.windowBits, Self.memoryLevel, Z_DEFAULT_STRATEGY,
      ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    super.init()
    if code != Z_OK { return nil }
  }

  deinit {
    // Of a stream that was never set up it only says that there is none.
    deflateEnd(stream)
    stream.deallocate()
  }

  override var cost: Int { Self.cost(of: .gzip) }

  override func restart() -> Bool { deflateReset(stream) == Z_OK }

  override func compress(
    _ bytes: Span<UInt8>, _ flush: Flush, into output: inout ByteBuffer
  ) -> Bool {
    let mode =
      switch flush {
      case .none: Z_NO_FLUSH
      case .piece: Z_SYNC_FLUSH
      case .end: Z_FINISH
      }
    return bytes.withUnsafeBufferPointer { input in
      // SAFETY: zlib only reads the input, and keeps no pointer to it that is used after this call.
      stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
      stream.pointee.avail_in = UInt32(input.count)
      defer { stream.pointee.next_in = nil }
      while true {
        var code = Z_OK
        var isFull = false
        output.append(upTo: Self.outputStep) { room in
          // SAFETY: zlib writes at most `avail_out` bytes there, the room's size, and only in this call.
          stream.pointee.next_out = room.baseAddress?.assumingMemoryBound(to: UInt8.self)
          stream.pointee.avail_out = UInt32(Self.outputStep)
          code = deflate(stream, mode)
          isFull = stream.pointee.avail_out == 0
          return Self.outputStep - Int(stream.pointee.avail_out)
        }
        if code == Z_STREAM_END { return true }
        // Nothing was left to do, which is no failure.
        if code == Z_BUF_ERROR { return flush != .end }
        if code != Z_OK { return false }
        if !isFull && stream.pointee.avail_in == 0 && flush != .end { return true }
      }
    }
  }
}
