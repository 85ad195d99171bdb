/// One directive: its name, its arguments, and what is in its block if it has one.
struct NginxDirective: Equatable, Sendable {
  var name: NginxWord
  var arguments: [NginxWord]
  /// Nil for a directive that ends with a `;`.
  var block: [NginxDirective]?

  var position: Origin { name.position }
  var words: [String] { arguments.map(\.text) }
}

/// Reads a file and all that it includes into directives.
///
/// Pure: files come from a closure. What is not UTF-8, not balanced or nested deeper than `deepest` is
/// an error with its place, and the end.
struct NginxParser {
  /// Blocks and includes within each other.
  static let deepest = 64
  /// Files that one configuration may include, all in all.
  static let mostFiles = 1_000

  private let include: IncludeReader
  private var files = 0
  /// Names of the files that are being read, the outermost first.
  private var open: [String] = []

  private init(_ include: @escaping IncludeReader) { self.include = include }

  static func parse(
    _ text: String, file: String, include: IncludeReader
  ) throws(NginxSyntaxError) -> [NginxDirective] {
    var result: Result<[NginxDirective], NginxSyntaxError> = .success([])
    withoutActuallyEscaping(include) { include in
      var parser = NginxParser(include)
      do throws(NginxSyntaxError) {
        result = .success(try parser.file(text, file, depth: 0))
      } catch {
        result = .failure(error)
      }
    }
    return try result.get()
  }

  private mutating func file(
    _ text: String, _ name: String, depth: Int
  ) throws(NginxSyntaxError) -> [NginxDirective] {
    open.append(name)
    defer { open.removeLast() }
    var lexer = NginxLexer(text, file: name)
    return try directives(&lexer, opened: nil, depth: depth)
  }

  /// Up to the `}` of the block that `opened` began, or the end of the file.
  private mutating func directives(
    _ lexer: inout NginxLexer, opened: Origin?, depth: Int
  ) throws(NginxSyntaxError) -> [NginxDirective] {
    var result: [NginxDirective] = []
    while true {
      var words: [NginxWord] = []
      reading: while true {
        switch try lexer.next() {
        case .word(let word): words.append(word)
        case .semicolon(let place):
          guard let name = words.first else {
            throw NginxSyntaxError(message: "unexpected ';'", position: place)
          }
          let directive = NginxDirective(name: name, arguments: Array(words.dropFirst()))
          if name.text == "include" {
            result += try included(directive, depth: depth)
          } else {
            result.append(directive)
          }
          break reading
        case .open(let place):
          guard let name = words.first else {
            throw NginxSyntaxError(message: "unexpected '{'", position: place)
          }
          guard depth < Self.deepest else {
            throw NginxSyntaxError(message: "blocks are nested too deeply", position: place)
          }
          let block = try directives(&lexer, opened: name.position, depth: depth + 1)
          result.append(
            NginxDirective(name: name, arguments: Array(words.dropFirst()), block: block))
          break reading
        case .close(let place):
          guard words.isEmpty else {
            throw NginxSyntaxError(
              message: "unexpected '}': '\(words[0].text)' is not ended by ';'", position: place)
          }
          guard opened != nil else {
            throw NginxSyntaxError(message: "unexpected '}': no block is open", position: place)
          }
          return result
        case .end(let place):
          if let word = words.first {
            throw NginxSyntaxError(
              message: "the file ends and '\(word.text)' is not ended by ';'", position: place)
          }
          if let opened {
            throw NginxSyntaxError(
              message: "the file ends and the block from line \(opened.line) has no '}'",
              position: place)
          }
          return result
        }
      }
    }
  }

  private mutating func included(
    _ directive: NginxDirective, depth: Int
  ) throws(NginxSyntaxError) -> [NginxDirective] {
    guard directive.arguments.count == 1 else {
      throw NginxSyntaxError(
        message: "include takes one file or pattern", position: directive.position)
    }
    let word = directive.arguments[0]
    // What nginx ships beside it changes nothing here: types are of static files.
    if word.text.hasSuffix("mime.types") { return [] }
    let files: [IncludedFile]
    switch include(word.text) {
    case .success(let found): files = found
    case .failure(let problem):
      throw NginxSyntaxError(
        message: "'\(word.text)' can't be included: \(problem.reason)", position: word.position)
    }
    guard depth < Self.deepest else {
      throw NginxSyntaxError(
        message: "files include each other too deeply", position: word.position)
    }
    var result: [NginxDirective] = []
    for file in files {
      if let start = open.firstIndex(of: file.name) {
        let way = (open[start...] + [file.name]).joined(separator: " → ")
        throw NginxSyntaxError(
          message: "this file includes itself: \(way)", position: word.position)
      }
      self.files += 1
      guard self.files <= Self.mostFiles else {
        throw NginxSyntaxError(
          message: "more than \(Self.mostFiles) files are included", position: word.position)
      }
      result += try self.file(file.text, file.name, depth: depth + 1)
    }
    return result
  }
}
