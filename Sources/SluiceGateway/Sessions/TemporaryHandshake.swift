import SluiceWire
enum WebSocketHandshake { static func isKey(_ key: Span<UInt8>) -> Bool { key.count == 24 && key[22] == 0x3D && key[23] == 0x3D && key[21] != 0x3D } }
enum WebSocketAnswer {
  static func agrees(_ head: borrowing ResponseHead, _ request: borrowing RequestHead) -> Bool {
    for name in [FieldName.secWebSocketProtocol, .secWebSocketExtensions] {
      guard let index = head.firstIndex(of: name) else { continue }
      guard let offer = request.firstIndex(of: name) else { return false }
      let o = request.span(request.fields[offer].value).withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
      let a = head.span(head.fields[index].value).withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
      let first = a.split(separator: ";").first.map(String.init) ?? ""
      if !o.split(whereSeparator: { ",; ".contains($0) }).contains(where: { $0 == first }) { return false }
    }
    return true
  }
}
