import SluiceReactor
import SluiceWire

/// A frame as a JSON object; keys are documented in docs/guides/operating-sessions.md.
enum FrameLine {
  /// Without the closing brace, so that a payload can follow.
  static func begin(_ frame: FrameRecord, _ clock: WallClock, to output: inout ByteBuffer) {
    output.append("{\"time\":")
    AccessLogLine.appendSeconds(clock.microseconds(frame.time), to: &output)
    output.append(",\"direction\":\"")
    output.append(frame.direction.label)
    output.append("\",\"opcode\":\"")
    output.append(frame.opcodeLabel)
    output.append("\",\"size\":")
    output.append(decimal: frame.size)
    output.append(",\"decision\":\"")
    output.append(frame.decision.label)
    output.append("\"")
    if !frame.isFinal { output.append(",\"final\":false") }
    if frame.isCompressed { output.append(",\"compressed\":true") }
  }

  /// `,"text":…` or `,"base64":…`, cut after `limit` bytes; `payload` is unmasked and may be a part.
  static func append(
    payload: Span<UInt8>, of frame: FrameRecord, limit: Int, to output: inout ByteBuffer
  ) {
    let shown = payload.extracting(0..<min(limit, payload.count))
    let isCut = UInt64(shown.count) < frame.size
    let textCount =
      frame.opcode == .text && !frame.isCompressed ? wholeText(shown, isCut: isCut) : nil
    if let textCount {
      output.append(",\"text\":\"")
      appendJSON(text: shown.extracting(0..<textCount), to: &output)
    } else {
      output.append(",\"base64\":\"")
      output.append(base64: shown, .standard)
    }
    output.append("\"")
    if isCut { output.append(",\"truncated\":true") }
  }

  /// How much of the bytes is text: all, or without the character that the cut went through.
  private static func wholeText(_ bytes: Span<UInt8>, isCut: Bool) -> Int? {
    let longestPart = isCut ? 3 : 0
    for missing in 0...min(longestPart, bytes.count) {
      let count = bytes.count - missing
      if UTF8Validator.isValid(bytes.extracting(0..<count)) { return count }
    }
    return nil
  }

  /// A JSON string's content; `text` is UTF-8.
  private static func appendJSON(text: Span<UInt8>, to output: inout ByteBuffer) {
    for index in text.indices {
      let byte = text[index]
      switch byte {
      case 0x22, 0x5C:
        output.append(0x5C)
        output.append(byte)
      case 0x0A: output.append("\\n")
      case 0x00..<0x20, 0x7F:
        output.append("\\u00")
        output.append(hexDigit(byte >> 4))
        output.append(hexDigit(byte & 15))
      default: output.append(byte)
      }
    }
  }

  private static func hexDigit(_ value: UInt8) -> UInt8 { value < 10 ? 48 &+ value : 87 &+ value }
}
