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

/// An edit leaves JSON behind in which the path leads where the edit says; what has a name twice on the way
/// is not touched.
private func checkEdits(_ path: JSONPath, _ json: [UInt8]) {
  func apply(_ kind: JSONEdit.Kind) -> [UInt8]? {
    guard let edit = JSONEdit(kind, path) else { return nil }
    var output = ByteBuffer()
    do throws(JSONEdit.Failure) {
      let isChanged = try edit.apply(to: json.span, value: Array("{}".utf8).span, into: &output)
      check(isChanged || output.isEmpty, "not changed and written")
      guard isChanged else { return nil }
    } catch {
      // The new name may occur twice, too.
      if case .rename = kind { return nil }
      check(path.value(in: json.span) == .duplicateKey, "a text that can be read can't be changed")
      return nil
    }
    let changed = output.copiedBytes()
    check(JSONWords.tokens(changed).error == nil, "an edit broke the text")
    return changed
  }
  let before = path.value(in: json.span)
  for kind in [JSONEdit.Kind.replace, .add, .append, .rename(to: "b"), .remove] {
    guard let changed = apply(kind) else { continue }
    let after = path.value(in: changed.span)
    switch kind {
    case .replace, .add:
      guard case .found(let value) = after else { fatalError("what was set is not there") }
      check(Array(changed[value.range]) == Array("{}".utf8), "something else was set")
      let isAdded = if case .add = kind { true } else { false }
      check((before == .missing) == isAdded, "set in spite of what was there")
    case .append:
      guard case .found(let value) = after else { fatalError("what was appended is not there") }
      check(value.kind == .array, "appended to no array")
    case .remove:
      guard case .found(let value) = before else { fatalError("removed what was not there") }
      check(
        changed.count < json.count && value.range.count <= json.count - changed.count, "too little")
    case .rename: check(before != .missing, "renamed what was not there")
    }
  }
}

/// A text that can be read is a tape, or has a name twice; nodes lie within those that contain them.
private func checkTape(_ json: [UInt8]) {
  do throws(JSONTape.Failure) {
    let tape = try JSONTape(json.span)
    check(tape.end(of: 0) == tape.nodes.count, "the root is not the whole")
    for (index, node) in tape.nodes.enumerated() {
      check(node.range.upperBound <= json.count, "beyond the end")
      var child = tape.first(in: index)
      var count = 0
      while child < tape.end(of: index) {
        check(tape.nodes[child].range.upperBound <= node.range.upperBound, "outside")
        child = tape.end(of: child)
        count += 1
      }
      check(child == tape.end(of: index) && count == Int(node.count), "children don't add up")
    }
    check(tape.hash(of: 0, json.span) == tape.hash(of: 0, json.span), "not itself")
  } catch {
    check(error == .duplicateKey, "a text that can be read is no tape")
  }
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
    checkEdits(path, json)
    checkTape(json)
  }
  let text = String(decoding: json, as: UTF8.self)
  do throws(JSONPathError) {
    check(try JSONPath(text).text == text, "a path forgot its text")
  } catch {
    check(error.offset <= text.utf8.count, "an error beyond the end")
  }
  return 0
}
