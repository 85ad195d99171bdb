import SluiceWire
import Testing

@testable import SluiceGateway

/// What policies change in the fields of a message, and what memory that keeps from exchange to exchange.
@Suite struct FieldEditsTests {
  private static let name = Array("X-Field".utf8)

  private func text(_ edits: borrowing FieldEdits) -> String {
    String(decoding: edits.lines.copiedBytes(), as: UTF8.self)
  }

  /// As a template writes it: a piece, and another one.
  private func write(_ value: [UInt8], to output: inout ByteBuffer) {
    for start in stride(from: 0, to: value.count, by: 1_000) {
      output.append(Array(value[start..<min(value.count, start + 1_000)]).span)
    }
  }

  @Test func whatIsNoFieldIsNotAdded() {
    for value in ["", "a\r\nX-Other: b", "a\nb", "a\0b", " a", "a ", "a\u{7F}b"] {
      var edits = FieldEdits()
      edits.add(name: Self.name) { write(Array(value.utf8), to: &$0) }
      #expect(edits.isEmpty && text(edits).isEmpty, "\(value)")
      edits.add(name: Self.name) { $0.append("good") }
      edits.add(name: Self.name) { write(Array(value.utf8), to: &$0) }
      #expect(!edits.isEmpty && text(edits) == "X-Field: good\r\n", "\(value)")
    }
  }

  /// What a caller's bytes made too large or no field at all is given back: an exchange object lives as long as
  /// its worker, and the largest request that it ever saw must not be what it keeps.
  @Test(arguments: [2_000, 2_048, 3_000, 100_000, 4 << 20])
  func memoryOfRefusedValuesIsGivenBack(count: Int) {
    var edits = FieldEdits()
    var refused = [UInt8](repeating: 0x61, count: count)
    refused[count - 1] = 0x0A
    for _ in 0..<3 {
      edits.add(name: Self.name) { write(refused, to: &$0) }
      #expect(edits.isEmpty && edits.lines.isEmpty)
      #expect(edits.lines.allocatedBytes <= 2_048)
      edits.clear()
      #expect(edits.lines.allocatedBytes <= 2_048)
    }
    // Beside another line it goes with the exchange.
    edits.add(name: Self.name) { $0.append("good") }
    edits.add(name: Self.name) { write(refused, to: &$0) }
    #expect(text(edits) == "X-Field: good\r\n")
    edits.clear()
    #expect(edits.isEmpty && edits.lines.allocatedBytes <= 2_048)
  }

  /// Small ones cost no allocation in the next exchange.
  @Test func whatIsSmallIsKept() {
    var edits = FieldEdits()
    edits.add(name: Self.name) { $0.append("good") }
    let kept = edits.lines.allocatedBytes
    edits.clear()
    #expect(kept > 0 && edits.lines.allocatedBytes == kept)
  }
}
