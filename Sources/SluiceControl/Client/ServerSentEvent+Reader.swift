import Foundation

extension ServerSentEvent {
  struct Received {
    var name: String
    var data: String
  }

  /// Puts events together from the pieces of a stream; comments are passed over.
  struct Reader {
    /// Of an event that is not whole.
    private var rest: [UInt8] = []

    mutating func read(_ piece: ArraySlice<UInt8>) -> [Received] {
      var events: [Received] = []
      for byte in piece {
        rest.append(byte)
        guard byte == 0x0A, rest.suffix(2).elementsEqual([0x0A, 0x0A]) else { continue }
        if let event = Self.event(String(decoding: rest, as: UTF8.self)) { events.append(event) }
        rest = []
      }
      return events
    }

    private static func event(_ text: String) -> Received? {
      var event = Received(name: "", data: "")
      for line in text.split(separator: "\n") {
        if line.hasPrefix("event: ") { event.name = String(line.dropFirst(7)) }
        if line.hasPrefix("data: ") { event.data = String(line.dropFirst(6)) }
      }
      return event.name.isEmpty ? nil : event
    }
  }
}
