@testable import SluiceConfiguration

/// Whatever a file says, reading it ends: with a configuration and no error, or with errors that have
/// a place in the file. A configuration that was read survives being written and read again.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let text = String(
    decoding: UnsafeBufferPointer(start: data, count: count), as: UTF8.self)
  let result = ConfigurationReader.read(
    contentsOf: text, file: "f", environment: ["NAME": "value"],
    readFile: { $0 == "/file" ? "content\n" : nil })
  let errors = result.diagnostics.count { $0.severity == .error }
  check((result.configuration == nil) == (errors > 0), "an error without or despite a result")
  for diagnostic in result.diagnostics {
    check(diagnostic.line > 0 && diagnostic.column > 0, "a diagnostic without a place")
    check(!diagnostic.message.hasPrefix("internal error"), diagnostic.description)
  }
  guard let configuration = result.configuration else { return 0 }
  do {
    let written = try JSONValue(encoding: configuration).text()
    let again = ConfigurationReader.read(contentsOf: written, file: "again")
    check(again.configuration != nil, "\(again.diagnostics) in \(written)")
    check(
      try JSONValue(encoding: again.configuration).text() == written, "changed by being written")
  } catch {
    fatalError("\(error)")
  }
  return 0
}

private func check(_ condition: Bool, _ message: @autoclosure () -> String) {
  if !condition { fatalError(message()) }
}
