import CBrotliDecoder
import CZlib
import CZstd

/// What a body with a Content-Encoding means; empty for what is not whole or not well-formed.
enum Decoding {
  static func decode(_ body: [UInt8], _ coding: String, atMost limit: Int = 8 << 20) -> [UInt8] {
    var output = [UInt8](repeating: 0, count: limit)
    let count =
      switch coding {
      case "gzip": gunzip(body, into: &output, isWhole: true)
      case "br": unbrotli(body, into: &output)
      default: unzstd(body, into: &output)
      }
    return Array(output.prefix(count))
  }

  /// As much as can be read of a gzip body that goes on.
  static func beginning(ofGzip body: [UInt8]) -> [UInt8] {
    var output = [UInt8](repeating: 0, count: 1 << 20)
    let count = gunzip(body, into: &output, isWhole: false)
    return Array(output.prefix(count))
  }

  private static func gunzip(
    _ body: [UInt8], into output: inout [UInt8], isWhole: Bool
  ) -> Int {
    var body = body
    let room = output.count
    return body.withUnsafeMutableBufferPointer { input in
      output.withUnsafeMutableBufferPointer { output in
        var stream = z_stream()
        stream.next_in = input.baseAddress
        stream.avail_in = UInt32(input.count)
        stream.next_out = output.baseAddress
        stream.avail_out = UInt32(room)
        guard
          inflateInit2_(&stream, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
        else { return 0 }
        let code = inflate(&stream, Z_SYNC_FLUSH)
        let count = room - Int(stream.avail_out)
        inflateEnd(&stream)
        return code == Z_STREAM_END || !isWhole && code == Z_OK ? count : 0
      }
    }
  }

  private static func unbrotli(_ body: [UInt8], into output: inout [UInt8]) -> Int {
    var count = output.count
    let result = BrotliDecoderDecompress(body.count, body, &count, &output)
    return result == BROTLI_DECODER_RESULT_SUCCESS ? count : 0
  }

  private static func unzstd(_ body: [UInt8], into output: inout [UInt8]) -> Int {
    let count = ZSTD_decompress(&output, output.count, body, body.count)
    return ZSTD_isError(count) == 0 ? count : 0
  }
}
