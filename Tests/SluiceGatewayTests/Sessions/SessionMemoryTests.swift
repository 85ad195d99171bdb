import SluiceReactor
import SluiceWire
import Testing

@testable import SluiceGateway

/// What an idle session owns: docs/internals/memory-per-connection.md accounts for every byte, and a
/// million sessions pay for each.
@Suite struct SessionMemoryTests {
  /// Class metadata without Objective-C (swift/ABI/Metadata.h): kind, superclass, flags and address
  /// point, then the size of an instance.
  private func size(of type: AnyClass) -> Int {
    Int(unsafeBitCast(type, to: UnsafeRawPointer.self).load(fromByteOffset: 24, as: UInt32.self))
  }

  @Test func objectsHaveTheSizesThatTheDocumentationSays() {
    #expect(size(of: Session.self) <= 520)
    #expect(size(of: SessionSocket.self) <= 136)
    #expect(MemoryLayout<SessionFlow>.size == 80)
    #expect(MemoryLayout<SessionLinks>.size == 28)
    #expect(MemoryLayout<SessionFacts>.size == 32)
    #expect(MemoryLayout<SessionEnding?>.size == 8)
  }

  /// Beside the bytes of the handshake, and only where sessions outlive their target.
  @Test func whatReconnectingNeedsIsSmall() {
    #expect(size(of: SessionExtras.self) + size(of: KeptHandshake.self) <= 476)
  }
}
