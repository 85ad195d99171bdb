/// A ClientHello gives the same outcome whatever follows it; no beginning of one is taken for another; the
/// same message in other records has the same name.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = input(data, count)
  let whole = outcome(bytes)
  var end = 0
  while end < bytes.count {
    let part = outcome(Array(bytes[..<end]))
    if case .success(nil) = part {
    } else {
      check(part == whole, "\(end) bytes give another outcome than all of them")
    }
    end += max(1, bytes.count / 64)
  }
  if case .success(let hello?) = whole, let name = hello.serverName {
    check(!name.isEmpty && name.count <= 253, "a name of \(name.count) bytes")
    check(name.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x2F }, "a name that is none")
  }
  // The message as one record, or as several.
  let message = Array(bytes.prefix(16_384))
  if !message.isEmpty {
    let one = outcome(records(message, size: 16_384))
    check(outcome(records(message, size: 17)) == one, "records make a difference")
  }
  return 0
}

private func records(_ message: [UInt8], size: Int) -> [UInt8] {
  var bytes: [UInt8] = []
  var start = 0
  while start < message.count {
    let end = min(message.count, start + size)
    bytes += [22, 3, 1, UInt8((end - start) >> 8), UInt8((end - start) & 255)]
    bytes += message[start..<end]
    start = end
  }
  return bytes
}

private func outcome(_ bytes: [UInt8]) -> Result<ClientHello?, ClientHelloError> {
  do throws(ClientHelloError) {
    return .success(try ClientHello.parse(prefixOf: bytes.span))
  } catch {
    return .failure(error)
  }
}
