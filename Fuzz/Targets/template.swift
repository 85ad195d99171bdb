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
      case .variable(let variable): written += "${\(name(of: variable))}"
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

private func name(of variable: Template.Variable) -> String {
  switch variable {
  case .header(let name): "request.header.\(name)"
  case .parameter(let name): "request.query.\(name)"
  case .segment(let name): "request.path.\(name)"
  case .claim(let name): "claims.\(name)"
  case .named(let name): "variables.\(name)"
  case .cookie(let name): "request.cookie.\(name)"
  case .scheme: "request.scheme"
  case .httpVersion: "request.protocol"
  case .hostname: "request.hostname"
  case .target: "request.target"
  case .questionMark: "request.questionMark"
  case .forwardedFor: "client.forwardedFor"
  case .clientPort: "client.port"
  case .listenerPort: "listener.port"
  case .method: "request.method"
  case .path: "request.path"
  case .query: "request.query"
  case .host: "request.host"
  case .id: "request.id"
  case .client: "client.address"
  case .consumer: "consumer.name"
  case .groups: "consumer.groups"
  case .credential: "credential.id"
  case .connection: "connection.id"
  case .listener: "connection.listener"
  }
}
