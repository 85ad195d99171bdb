import Testing

@testable import SluiceWire

@Suite struct FieldCopyTests {
  /// The fields of a request but those that `dropped` names, written again.
  private func copied(_ lines: String, dropped: Set<String> = []) throws -> String {
    var head = RequestHead()
    let text = Array("GET / HTTP/1.1\r\nHost: a\r\n\(lines)\r\n".utf8)
    try head.parse(text.span, limits: HeadLimits())
    var output = ByteBuffer()
    var copy = FieldCopy()
    for field in head.fields where field.known != .host {
      let name = String(decoding: text[field.name.range], as: UTF8.self)
      if !dropped.contains(name) { copy.add(field, of: head, to: &output) }
    }
    copy.finish(of: head, to: &output)
    return String(decoding: output.copiedBytes(), as: UTF8.self)
  }

  @Test func linesThatAreWrittenAsTheyCame() throws {
    let lines = "a: 1\r\nb: 2\r\nEmpty: \r\nc: 3\r\n"
    #expect(try copied(lines) == lines)
    #expect(try copied("") == "")
    #expect(try copied("a: 1\r\n") == "a: 1\r\n")
  }

  @Test func linesBetweenThatAreNotKept() throws {
    let lines = "a: 1\r\nb: 2\r\nc: 3\r\nd: 4\r\n"
    #expect(try copied(lines, dropped: ["a"]) == "b: 2\r\nc: 3\r\nd: 4\r\n")
    #expect(try copied(lines, dropped: ["b", "c"]) == "a: 1\r\nd: 4\r\n")
    #expect(try copied(lines, dropped: ["d"]) == "a: 1\r\nb: 2\r\nc: 3\r\n")
    #expect(try copied(lines, dropped: ["a", "b", "c", "d"]) == "")
  }

  /// Whitespace around a value is not passed on.
  @Test(arguments: [
    "x:1\r\n", "x:  1\r\n", "x:\t1\r\n", "x: \t1\r\n", "x: 1 \r\n", "x: 1\t\r\n", "x:1 \r\n",
  ])
  func linesThatAreWrittenAnew(line: String) throws {
    #expect(try copied(line) == "x: 1\r\n")
    #expect(try copied("a: 1\r\n\(line)b: 2\r\n") == "a: 1\r\nx: 1\r\nb: 2\r\n")
  }

  @Test(arguments: ["x:\r\n", "x:  \r\n", "x:\t\r\n"])
  func emptyValues(line: String) throws {
    #expect(try copied(line + "b: 2\r\n") == "x: \r\nb: 2\r\n")
  }

  @Test func responses() throws {
    var head = ResponseHead()
    let text = Array("HTTP/1.1 200 OK\r\na: 1\r\nb:2\r\nc: 3\r\n\r\n".utf8)
    try head.parse(text.span, requestMethod: .get, limits: HeadLimits())
    var output = ByteBuffer()
    var copy = FieldCopy()
    for field in head.fields { copy.add(field, of: head, to: &output) }
    copy.finish(of: head, to: &output)
    #expect(String(decoding: output.copiedBytes(), as: UTF8.self) == "a: 1\r\nb: 2\r\nc: 3\r\n")
  }
}
