internal import CBrotli
import SluiceWire

/// RFC 7932, by Google's library. It can't begin a second body.
final class BrotliCompressor: Compressor {
  // SAFETY: made in init, freed in deinit, never handed out.
  private let state: OpaquePointer

  /// 64 KiB: larger windows take tens of MiB at high levels.
  private static let windowBits: UInt32 = 16

  init?(level: Int) {
    guard let state = BrotliEncoderCreateInstance(nil, nil, nil) else { return nil }
    self.state = state
    super.init()
    BrotliEncoderSetParameter(state, BROTLI_PARAM_QUALITY, UInt32(level))
    BrotliEncoderSetParameter(state, BROTLI_PARAM_LGWIN, Self.windowBits)
  }

  deinit { BrotliEncoderDestroyInstance(state) }

  override var cost: Int { Self.cost(of: .br) }

  override func compress(
    _ bytes: Span<UInt8>, _ flush: Flush, into output: inout ByteBuffer
  ) -> Bool {
    let operation =
      switch flush {
      case .none: BROTLI_OPERATION_PROCESS
      case .piece: BROTLI_OPERATION_FLUSH
      case .end: BROTLI_OPERATION_FINISH
      }
    return bytes.withUnsafeBufferPointer { input in
      var left = input.count
      var next = input.baseAddress
      while true {
        var isGood = false
        output.append(upTo: Self.outputStep) { room in
          var space = Self.outputStep
          // SAFETY: brotli reads `left` bytes of the input and writes at most `space` into the room.
          var place = room.baseAddress?.assumingMemoryBound(to: UInt8.self)
          isGood =
            BrotliEncoderCompressStream(state, operation, &left, &next, &space, &place, nil) != 0
          return Self.outputStep - space
        }
        if !isGood { return false }
        if left == 0, BrotliEncoderHasMoreOutput(state) == 0 {
          return flush != .end || BrotliEncoderIsFinished(state) != 0
        }
      }
    }
  }
}
