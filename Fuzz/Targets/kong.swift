@testable import SluiceConfiguration
@testable import SluiceImport

/// Whatever a file of Kong says, converting it ends, with errors that have a place in the file or with
/// a file that the ordinary reader reads: it may find mistakes in values, but none in the form. What was
/// converted is no file of Kong, and whatever it says is said at a place of the foreign file.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let text = String(
    decoding: UnsafeBufferPointer(start: data, count: count), as: UTF8.self)
  let conversion = KongConverter.convert(text, file: "f") { $0.utf8.count.isMultiple(of: 2) }
  for diagnostic in conversion.diagnostics {
    check(diagnostic.line > 0 && diagnostic.column > 0, "a diagnostic without a place")
    check(diagnostic.file == "f", "a diagnostic about another file")
  }
  guard conversion.document != nil else {
    check(conversion.hasErrors, "no document and no error")
    return 0
  }
  let converted = conversion.yaml()
  let format = ConfigurationFormat.detect(text: converted.text, file: "kong.conf")
  check(format == .sluice, "detected as \(format): \(converted.text)")
  let result = ConfigurationReader.read(contentsOf: converted.text, file: "g")
  for diagnostic in result.diagnostics {
    check(!diagnostic.message.contains("not valid YAML"), "\(diagnostic)\n\(converted.text)")
    check(!diagnostic.message.contains("duplicate key"), "\(diagnostic)\n\(converted.text)")
    check(!diagnostic.message.contains("unknown key"), "\(diagnostic)\n\(converted.text)")
    check(!diagnostic.message.hasPrefix("internal error"), diagnostic.description)
    _ = converted.placed(diagnostic)
  }
  return 0
}

private func check(_ condition: Bool, _ message: @autoclosure () -> String) {
  if !condition { fatalError(message()) }
}
