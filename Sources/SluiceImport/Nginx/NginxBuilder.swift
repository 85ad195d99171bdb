import SluiceConfiguration

/// What the converter has made so far. One conversion, one thread.
final class NginxBuilder {
  var diagnostics = ConversionDiagnostics()
  let readInclude: IncludeReader
  /// The `http` block.
  var http: [NginxDirective] = []
  /// The directives at the top of the file.
  var main: [NginxDirective] = []
  var upstreams: [String: NginxDirective] = [:]
  /// Definitions of `map`, `geo` and `split_clients` by the name of the variable they set.
  var definitions: [String: NginxDirective] = [:]
  /// `limit_req_zone` and `limit_conn_zone` by zone.
  var zones: [String: NginxDirective] = [:]
  /// Names of budgets by the zone and what of its key is constant.
  var budgets: [String: String] = [:]
  /// Variables that keys of limits are, by their texts.
  var keyNames: [String: String] = [:]

  var listeners: [DocumentNode.Entry] = []
  var services: [DocumentNode.Entry] = []
  var consumers: [DocumentNode.Entry] = []
  var routes: [DocumentNode.Entry] = []
  /// Variables of `map`, `geo` and `split_clients` that are used.
  var variables: [DocumentNode.Entry] = []
  /// Which places in the routes' names are taken.
  private var names: [String: Set<String>] = [:]
  /// Services by their settings as they are written.
  private var serviceNames: [String: String] = [:]
  /// Definitions that are being read, of which none may hold itself.
  var defining: Set<String> = []
  /// Variables of conditions by what they are made of.
  var conditionNames: [String: String] = [:]
  /// Those of them that are written only where they are used.
  var captureNames: Set<String> = []
  /// Routes by their locations, to bound them.
  var variants: [String: Int] = [:]
  /// Internal routes that are still to be made, and the names of all.
  var sections: [NginxSection] = []
  var sectionNames: [String: String] = [:]
  /// Consumers by the file of passwords that they come from.
  var passwordFiles: Set<String> = []
  /// Groups of the users of files, where there are several, and places of users among the consumers.
  var passwordGroups: [String: String] = [:]
  var passwordUsers: [String: Int] = [:]

  init(readInclude: @escaping IncludeReader) { self.readInclude = readInclude }

  func error(_ message: String, at place: Origin, hint: String? = nil) {
    diagnostics.error(message, at: place, hint: hint)
  }

  func warning(_ message: String, at place: Origin, hint: String? = nil) {
    diagnostics.warning(message, at: place, hint: hint)
  }

  /// A name that entities may have, made of a text, and not used yet for this kind.
  func name(_ kind: String, _ text: String) -> String {
    var clean = ""
    for scalar in text.unicodeScalars.prefix(48) {
      let isFit =
        scalar.isASCII
        && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil
          || "._-".unicodeScalars.contains(scalar))
      if isFit {
        clean.unicodeScalars.append(scalar)
      } else if !clean.hasSuffix("-") {
        clean += "-"
      }
    }
    while clean.hasSuffix("-") || clean.hasSuffix(".") { clean.removeLast() }
    while let first = clean.first, "-._".contains(first) { clean.removeFirst() }
    if clean.isEmpty { clean = kind }
    var result = clean
    var number = 2
    while !names[kind, default: []].insert(result).inserted {
      result = "\(clean)-\(number)"
      number += 1
    }
    return result
  }

  /// The name of a service with these settings; the same settings are one service.
  func service(named text: String, _ settings: DocumentNode, comment: String?) -> String {
    let written = DocumentWriter.write(settings).text
    if let same = serviceNames[written] { return same }
    let name = name("service", text)
    serviceNames[written] = name
    services.append(
      DocumentNode.Entry(name, settings, origin: settings.origin, comment: comment))
    return name
  }

  /// A service for routes that never ask one.
  func noService() -> String {
    service(
      named: "nobody", .map([.init("targets", .texts(["http://127.0.0.1:1"]))]),
      comment: "Of routes that answer themselves; never asked.")
  }

  // MARK: Values

  /// A length of time in one argument; nil, with a finding, when it is none.
  func time(_ directive: NginxDirective?, default text: String? = nil) -> String? {
    guard let directive else { return text }
    guard let word = directive.arguments.first else {
      error("\(directive.name.text) takes a time", at: directive.position)
      return text
    }
    if NginxValue.milliseconds(word.text) == 0 {
      error(
        "a time of 0 for \(directive.name.text) can't be carried over", at: word.position,
        hint: "write a time")
      return text
    }
    guard let time = NginxValue.time(word.text) else {
      error("'\(word.text)' is no time", at: word.position)
      return text
    }
    return time
  }

  func bytes(_ word: NginxWord) -> Int? {
    if let bytes = NginxValue.bytes(word.text) { return bytes }
    error("'\(word.text)' is no size", at: word.position)
    return nil
  }

  func number(_ word: NginxWord) -> Int? {
    if let number = Int(word.text), number >= 0 { return number }
    error("'\(word.text)' is no number", at: word.position)
    return nil
  }

  /// A template's parts; nil, with a finding, when it is malformed.
  func template(_ word: NginxWord) -> NginxTemplate? {
    do throws(NginxSyntaxError) {
      return try NginxTemplate(word)
    } catch {
      self.error(error.message, at: error.position)
      return nil
    }
  }

  // MARK: What is known of directives

  /// Reports what is unknown, refused or not carried over, once for each place.
  func check(_ directives: [NginxDirective], inside block: String) {
    for directive in directives {
      let name = directive.name.text
      // The entries of these blocks are no directives.
      if block == "map" || block == "geo" || block == "split_clients" || block == "types" {
        continue
      }
      switch NginxDirectiveTable.use(of: name) {
      case .carried?:
        if name == "access_log", block != "http" {
          warning(
            "there is one access log for everything here, which that of http says",
            at: directive.position)
        }
      case .ignored(let reason)?:
        if name == "server" || name == "types" { break }
        warning("\(name) is not carried over: \(reason)", at: directive.position)
      case .refused(let reason)?:
        error("\(name) can't be carried over: \(reason)", at: directive.position)
        // What stands in it is no better.
        continue
      case nil:
        error(
          "'\(name)' is no directive that is known here", at: directive.position,
          hint: Suggestion.hint(for: name, among: NginxDirectiveTable.names))
      }
      if let inner = directive.block { check(inner, inside: name) }
    }
  }
}
