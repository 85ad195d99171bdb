/// A request or response as a test peer understands it: simple, and strict only where a test looks.
struct Message: Sendable {
  var startLine = ""
  var fields: [Field] = []
  var body: [UInt8] = []
  var trailers: [Field] = []
  /// The connection ended before the message did.
  var isTruncated = false
  /// By a reset.
  var wasReset = false

  struct Field: Sendable, Equatable {
    var name: String
    var value: String
  }

  var status: Int { Int(startLine.split(separator: " ").dropFirst().first ?? "") ?? 0 }
  var method: String { String(startLine.split(separator: " ").first ?? "") }
  var target: String { String(startLine.split(separator: " ").dropFirst().first ?? "") }
  var text: String { String(decoding: body, as: UTF8.self) }

  /// Every value of the fields with this name.
  func values(_ name: String) -> [String] {
    fields.filter { $0.name.lowercased() == name.lowercased() }.map(\.value)
  }

  /// The value of the only field with this name.
  subscript(name: String) -> String? {
    let values = values(name)
    return values.count == 1 ? values[0] : values.isEmpty ? nil : values.joined(separator: " | ")
  }

  /// Without what differs from run to run.
  var comparable: [String] {
    [startLine]
      + fields.filter { $0.name != "Date" && $0.name != "X-Request-Id" }
      .map { "\($0.name): \($0.value)" } + [text] + trailers.map { "\($0.name): \($0.value)" }
      + [isTruncated ? "truncated" : "whole"]
  }
}

/// Reads messages from a socket.
final class MessageReader {
  let socket: RawSocket
  private var storage: [UInt8] = []
  /// Where what was not taken yet begins.
  private var start = 0
  /// Everything that was ever read.
  private(set) var transcript: [UInt8] = []
  private(set) var hasEnded = false

  init(_ socket: RawSocket) { self.socket = socket }

  /// What was read and not taken yet.
  var buffer: ArraySlice<UInt8> { storage[start...] }

  /// False at the peer's FIN.
  @discardableResult
  func fill() throws -> Bool {
    let bytes = try socket.receive()
    if bytes.isEmpty {
      hasEnded = true
      return false
    }
    storage += bytes
    if transcript.count < 1 << 20 { transcript += bytes }
    return true
  }

  func take(_ count: Int) -> [UInt8] {
    let bytes = Array(buffer.prefix(count))
    start += bytes.count
    if start == storage.count {
      storage.removeAll(keepingCapacity: true)
      start = 0
    }
    return bytes
  }

  /// The line up to CRLF, without it; nil when the connection ends before.
  private func line() throws -> String? {
    var searched = start
    while true {
      while searched + 1 < storage.count {
        if storage[searched] == 13 && storage[searched + 1] == 10 {
          let line = take(searched + 2 - start).dropLast(2)
          return String(decoding: line, as: UTF8.self)
        }
        searched += 1
      }
      if try !fill() { return nil }
    }
  }

  private func readFields() throws -> [Message.Field]? {
    var fields: [Message.Field] = []
    while let line = try line() {
      if line.isEmpty { return fields }
      let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      fields.append(
        Message.Field(
          name: String(parts[0]),
          value: parts.count > 1 ? String(parts[1].drop { $0 == " " }) : ""))
    }
    return nil
  }

  /// Start line and fields; nil when the connection ends first.
  func readHead() throws -> Message? {
    guard let startLine = try line(), let fields = try readFields() else { return nil }
    return Message(startLine: startLine, fields: fields)
  }

  /// A whole request; nil when the connection ends before its head is complete.
  func readRequest() throws -> Message? {
    guard var message = try readHead() else { return nil }
    try readBody(of: &message, untilClose: false)
    return message
  }

  /// A whole response to a request with this method.
  func readResponse(to method: String = "GET") throws -> Message {
    guard var message = try readHead() else { throw ScenarioError.ended }
    if method == "HEAD" || message.status < 200 || message.status == 204 || message.status == 304 {
      return message
    }
    try readBody(of: &message, untilClose: true)
    return message
  }

  private func readBody(of message: inout Message, untilClose: Bool) throws {
    do {
      if message["Transfer-Encoding"] == "chunked" {
        message.isTruncated = try !readChunks(into: &message)
      } else if let length = message["Content-Length"].flatMap(Int.init) {
        while buffer.count < length, try fill() {}
        message.body = take(length)
        message.isTruncated = message.body.count < length
      } else if untilClose {
        while try fill() {}
        message.body = take(buffer.count)
      }
    } catch ScenarioError.reset {
      message.body += take(buffer.count)
      message.isTruncated = true
      message.wasReset = true
    }
  }

  /// False when the connection ended before the last chunk.
  private func readChunks(into message: inout Message) throws -> Bool {
    while let line = try line() {
      guard let size = Int(line.prefix { $0 != ";" }, radix: 16) else { return false }
      if size == 0 {
        guard let trailers = try readFields() else { return false }
        message.trailers = trailers
        return true
      }
      while buffer.count < size + 2 { if try !fill() { break } }
      message.body += take(min(size, buffer.count))
      if take(2) != [13, 10] { return false }
    }
    return false
  }

  /// Everything up to the peer's FIN or reset.
  func readToEnd() throws -> [UInt8] {
    do {
      while try fill() {}
    } catch ScenarioError.reset {
      hasEnded = true
    }
    return take(buffer.count)
  }
}
