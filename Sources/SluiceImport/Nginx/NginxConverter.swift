import SluiceConfiguration

/// An nginx configuration as a Sluice file.
///
/// What nginx would answer is answered in the same way, or the difference is a warning at its line; what
/// can't be carried over and would change an answer is an error. Nothing that nginx closes is opened.
public enum NginxConverter {
  /// - Parameter readInclude: the files that `include` names.
  public static func convert(
    _ text: String, file: String, readInclude: IncludeReader
  ) -> Conversion {
    withoutActuallyEscaping(readInclude) { readInclude in
      let builder = NginxBuilder(readInclude: readInclude)
      do throws(NginxSyntaxError) {
        builder.main = try NginxParser.parse(text, file: file, include: readInclude)
      } catch {
        builder.error(error.message, at: error.position)
        return Conversion(document: nil, diagnostics: builder.diagnostics.sorted())
      }
      let document = builder.convert(file: file)
      return Conversion(document: document, diagnostics: builder.diagnostics.sorted())
    }
  }
}

extension NginxBuilder {
  fileprivate func convert(file: String) -> DocumentNode? {
    let start = Origin(file: file, line: 1, column: 1)
    // A file of `conf.d` begins with what stands in `http`.
    let inner: Set<String> = ["server", "upstream", "map"]
    let blocks = main.filter { $0.name.text == "http" }
    if blocks.isEmpty, main.contains(where: { inner.contains($0.name.text) }) {
      warning(
        "there is no http block: the file is taken for one that nginx includes in it", at: start)
      http = main
      main = []
    } else if let block = blocks.first?.block {
      http = block
      if blocks.count > 1 { error("there is a second http block", at: blocks[1].position) }
    } else {
      check(main, inside: "")
      // Of `stream` and `mail` it is said already what is wrong with them.
      if !diagnostics.hasErrors {
        error("there is no http block", at: blocks.first?.position ?? start)
      }
      return nil
    }
    check(main, inside: "")
    if main.isEmpty { check(http, inside: "http") }
    collect()
    convertServers()
    if listeners.isEmpty {
      if !diagnostics.hasErrors { error("there is no server block", at: start) }
      return nil
    }
    return document(file)
  }

  private func collect() {
    for directive in http {
      let words = directive.arguments
      switch directive.name.text {
      case "upstream":
        guard let name = words.first else {
          error("upstream takes a name", at: directive.position)
          continue
        }
        if upstreams.updateValue(directive, forKey: name.text) != nil {
          error("there are two upstreams '\(name.text)'", at: name.position)
        }
      case "map", "geo", "split_clients":
        guard let variable = words.last?.text, variable.hasPrefix("$") else {
          error("\(directive.name.text) sets a variable", at: directive.position)
          continue
        }
        definitions[variable.dropFirst().lowercased()] = directive
      case "limit_req_zone", "limit_conn_zone":
        guard let zone = words.first(where: { $0.text.hasPrefix("zone=") }) else {
          error("\(directive.name.text) needs zone=name:size", at: directive.position)
          continue
        }
        let name = zone.text.dropFirst(5).prefix { $0 != ":" }
        zones["\(directive.name.text) \(name)"] = directive
      default: break
      }
    }
  }

  private func document(_ file: String) -> DocumentNode {
    var entries = [DocumentNode.Entry("version", .integer(1))]
    if let workers = main.first(where: { $0.name.text == "worker_processes" })?.arguments.first {
      if workers.text == "auto" || Int(workers.text).map({ $0 > 0 }) == true {
        entries.append(.init("workers", .literal(workers.text), origin: workers.position))
      } else {
        error("'\(workers.text)' is no number of processes", at: workers.position)
      }
    }
    entries.append(.init("listeners", .map(listeners)))
    if !services.isEmpty { entries.append(.init("services", .map(services))) }
    if !consumers.isEmpty { entries.append(.init("consumers", .map(consumers))) }
    if !routes.isEmpty { entries.append(.init("routes", .map(routes))) }
    let used = usedVariables()
    if !used.isEmpty { entries.append(.init("variables", .map(used))) }
    if let log = accessLog() { entries.append(.init("accessLog", log)) }
    return DocumentNode(
      .mapping(entries), comment: "Made of \(file) by sluice convert.")
  }

  /// Without captures that nothing asks for.
  private func usedVariables() -> [DocumentNode.Entry] {
    if captureNames.isEmpty { return variables }
    // What routes and other variables hold is asked for, and then also what that holds.
    var texts = [DocumentWriter.write(.map(routes)).text]
    var used: Set<String> = []
    for entry in variables where !captureNames.contains(entry.key) {
      used.insert(entry.key)
      texts.append(DocumentWriter.write(entry.value).text)
    }
    while let text = texts.popLast() {
      for entry in variables where !used.contains(entry.key) {
        guard text.contains("${variables.\(entry.key)}") else { continue }
        used.insert(entry.key)
        texts.append(DocumentWriter.write(entry.value).text)
      }
    }
    return variables.filter { used.contains($0.key) }
  }

  /// One log for everything: that of `http`.
  private func accessLog() -> DocumentNode? {
    guard let directive = http.last(where: { $0.name.text == "access_log" }),
      let target = directive.arguments.first
    else { return nil }
    if target.text == "off" {
      return .map([.init("format", .literal("\"off\""), origin: directive.position)])
    }
    guard target.text.hasPrefix("/"), !target.text.contains("$") else {
      warning(
        "this access_log is not carried over: the log goes to standard output",
        at: target.position)
      return nil
    }
    warning("the access log is JSON with fields of its own", at: directive.position)
    let path = target.text == "/dev/stdout" ? "stdout" : target.text
    return .map([.init("output", .text(path), origin: target.position)])
  }
}
