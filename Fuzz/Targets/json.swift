/// A path of up to four steps, from the first four bytes: names that the seeds use, and indices.
private func path(_ bytes: ArraySlice<UInt8>) -> (text: String, steps: [any Hashable]) {
  let names = ["a", "b", "symbol", "", "items", "é", "x\"y"]
  var text = "$"
  var steps: [any Hashable] = []
  for byte in bytes {
    if byte < 64 { continue }
    if byte & 1 == 0 {
      steps.append(Int(byte >> 1 & 3))
      text += "[\(byte >> 1 & 3)]"
    } else {
      let name = names[Int(byte >> 1) % names.count]
      steps.append(name)
      text += "['\(name)']"
    }
  }
  return (text, steps)
}

/// JSON is accepted and taken apart as the model does it, and a path leads to the same value. The
/// first four bytes are the path; the rest is read as JSON, and as the text of a path too.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = input(data, count)
  let json = Array(bytes.dropFirst(4))
  var model = JSONModel(json)
  let root = try? model.parse()
  let outcome = JSONWords.tokens(json)
  check((root != nil) == (outcome.error == nil), "valid and not valid")
  check(outcome.offset <= json.count, "read beyond the end")
  if let root {
    check(outcome.tokens == model.tokens, "tokens differ")
    let (text, steps) = path(bytes.prefix(4))
    guard let path = try? JSONPath(text) else { fatalError("no path: \(text)") }
    let found = JSONWords.match(path.value(in: json.span))
    check(found == JSONModel.value(root, steps), "\(text) leads elsewhere")
  }
  let text = String(decoding: json, as: UTF8.self)
  do throws(JSONPathError) {
    check(try JSONPath(text).text == text, "a path forgot its text")
  } catch {
    check(error.offset <= text.utf8.count, "an error beyond the end")
  }
  return 0
}
