import Glibc

/// Bodies whose every byte says where it belongs: a period that no buffer's size divides, and another
/// content for every seed.
enum Pattern {
  private static let period = 65_521

  static func bytes(_ count: Int, seed: Int) -> [UInt8] {
    var state = UInt64(truncatingIfNeeded: seed) &* 0x9E37_79B9_7F4A_7C15 | 1
    let base = [UInt8](unsafeUninitializedCapacity: period) { buffer, used in
      for index in 0..<period {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        buffer[index] = UInt8(truncatingIfNeeded: state >> 33)
      }
      used = period
    }
    // Of no capacity it would write the count of the one empty array that all threads share.
    if count == 0 { return [] }
    return [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
      while used < count {
        let piece = min(period, count - used)
        memcpy(buffer.baseAddress! + used, base, piece)
        used += piece
      }
    }
  }

  /// Whether `bytes` are the first of the pattern.
  static func matches(_ bytes: [UInt8], seed: Int) -> Bool {
    let expected = self.bytes(bytes.count, seed: seed)
    return bytes.isEmpty || memcmp(bytes, expected, bytes.count) == 0
  }
}

extension Message {
  /// Whether the body is whole and what `Pattern` says.
  func isPattern(_ count: Int, seed: Int) -> Bool {
    !isTruncated && body.count == count && Pattern.matches(body, seed: seed)
  }
}

extension ScriptedUpstream {
  /// Answers `/COUNT/SEED` with a pattern and a length, in pieces of `piece` bytes.
  static func patterns(piece: Int = .max) throws -> ScriptedUpstream {
    try ScriptedUpstream { peer in
      while let request = try peer.readRequest() {
        let numbers = request.target.split(separator: "/").compactMap { Int($0) }
        try peer.send("HTTP/1.1 200 OK\r\nContent-Length: \(numbers[0])\r\n\r\n")
        if request.method == "HEAD" { continue }
        let body = Pattern.bytes(numbers[0], seed: numbers[1])
        var start = 0
        while start < body.count {
          let end = start + min(piece, body.count - start)
          try peer.socket.send(body[start..<end])
          start = end
        }
      }
    }
  }
}
