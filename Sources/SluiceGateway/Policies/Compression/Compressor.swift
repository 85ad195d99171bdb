import SluiceWire

/// Compresses one body, piece by piece; maybe another one afterwards.
///
/// Used on one worker's thread. Takes as much memory as `cost` says, whatever is compressed.
class Compressor {
  enum Flush {
    /// What comes out waits for more to come in.
    case none
    /// All of it comes out, so that the other side can read what went in.
    case piece
    /// The body's end.
    case end
  }

  /// The room that is made at a time for what comes out.
  static let outputStep = 16 * 1_024

  /// Bytes of memory, at most.
  var cost: Int { 0 }

  /// Appends what comes out to `output`; false when the library gave up, which only a lack of memory
  /// explains.
  func compress(_ bytes: Span<UInt8>, _ flush: Flush, into output: inout ByteBuffer) -> Bool {
    false
  }

  /// Ready for another body; false when it can't be used again.
  func restart() -> Bool { false }

  /// Nil when there is no memory for it.
  static func make(_ coding: ContentCoding, level: Int) -> Compressor? {
    switch coding {
    case .gzip: GzipCompressor(level: level)
    case .br: BrotliCompressor(level: level)
    case .zstd: ZstdCompressor(level: level)
    }
  }

  static func cost(of coding: ContentCoding) -> Int {
    switch coding {
    case .gzip: 300 * 1_024
    case .br: 2_600 * 1_024
    case .zstd: 1_500 * 1_024
    }
  }
}
