internal import CZstd
import SluiceWire

/// RFC 8878, by the reference library.
final class ZstdCompressor: Compressor {
  // SAFETY: made in init, freed in deinit, never handed out.
  private let context: OpaquePointer

  /// 128 KiB; RFC 9659 asks for no more than 8 MiB.
  private static let windowLog: Int32 = 17
  private static let tableLog: Int32 = 16

  init?(level: Int) {
    guard let context = ZSTD_createCCtx() else { return nil }
    self.context = context
    super.init()
    let parameters = [
      (ZSTD_c_compressionLevel, Int32(level)), (ZSTD_c_windowLog, Self.windowLog),
      (ZSTD_c_hashLog, Self.tableLog), (ZSTD_c_chainLog, Self.tableLog),
    ]
    for (parameter, value) in parameters {
      if ZSTD_isError(ZSTD_CCtx_setParameter(context, parameter, value)) != 0 { return nil }
    }
  }

  deinit { ZSTD_freeCCtx(context) }

  override var cost: Int { Self.cost(of: .zstd) }

  override func restart() -> Bool {
    ZSTD_isError(ZSTD_CCtx_reset(context, ZSTD_reset_session_only)) == 0
  }

  override func compress(
    _ bytes: Span<UInt8>, _ flush: Flush, into output: inout ByteBuffer
  ) -> Bool {
    let operation =
      switch flush {
      case .none: ZSTD_e_continue
      case .piece: ZSTD_e_flush
      case .end: ZSTD_e_end
      }
    return bytes.withUnsafeBufferPointer { input in
      var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
      while true {
        var rest = 0
        output.append(upTo: Self.outputStep) { room in
          var destination = ZSTD_outBuffer(dst: room.baseAddress, size: Self.outputStep, pos: 0)
          // SAFETY: reads the input from `pos` to its size and writes at most the room's size.
          rest = ZSTD_compressStream2(context, &destination, &source, operation)
          return destination.pos
        }
        if ZSTD_isError(rest) != 0 { return false }
        // `rest` is what a flush or an end has yet to write.
        if source.pos == source.size && (flush == .none || rest == 0) { return true }
      }
    }
  }
}
