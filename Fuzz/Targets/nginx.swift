import SluiceConfiguration
import SluiceImport

/// Whatever a file of nginx says, converting it ends: with findings that have a place, and without an error
/// only with a document. What was written of it is read as a Sluice file, or the reader says what is wrong
/// at a place of the file.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let text = String(decoding: UnsafeBufferPointer(start: data, count: count), as: UTF8.self)
  let conversion = Conversion.convert(
    text, file: "f", format: .nginx,
    readInclude: { pattern in
      pattern == "again"
        ? .success([IncludedFile(name: "g", text: "server { return 200; }")]) : .success([])
    })
  guard let conversion else { fatalError("a format without a converter") }
  if conversion.document == nil, !conversion.hasErrors { fatalError("nothing, and no error") }
  for diagnostic in conversion.diagnostics
  where diagnostic.line < 1 || diagnostic.column < 1 || diagnostic.message.isEmpty {
    fatalError("a finding without a place: \(diagnostic)")
  }
  if conversion.hasErrors { return 0 }
  let converted = conversion.yaml()
  let result = ConfigurationReader.read(contentsOf: converted.text, file: "y")
  for diagnostic in result.diagnostics where converted.placed(diagnostic).line < 1 {
    fatalError("a finding without a place")
  }
  return 0
}
