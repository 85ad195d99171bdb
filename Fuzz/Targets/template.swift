import SluiceConfiguration

/// A text with variables: nothing of it is lost, and what is read can be written and is read as the
/// same.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let text = String(decoding: UnsafeBufferPointer(start: data, count: count), as: UTF8.self)
  do throws(TextProblem) {
    let template = try Template(parsing: text)
    var written = ""
    for segment in template.segments {
      switch segment {
      case .literal(let part):
        if part.isEmpty { fatalError("an empty part") }
        if part.contains("${") { fatalError("a variable that was not read: \(part)") }
        written += part
      case .variable(let variable): written += "${\(variable.text)}"
      }
    }
    // Names of fields are in lower case; but for that it is the text.
    if written.lowercased() != text.lowercased() { fatalError("something is lost: \(written)") }
    guard let again = try? Template(parsing: written), again == template else {
      fatalError("read as another: \(written)")
    }
  } catch {
    if error.reason.isEmpty && error.hint == nil { fatalError("a mistake without words") }
  }
  return 0
}
