/// A condition over who calls and what for: `claims.role == 'admin' or method in ['GET', 'HEAD']`.
///
/// ```
/// expression = conjunction *("or" conjunction)
/// conjunction = negation *("and" negation)
/// negation = "not" negation | "(" expression ")" | subject test
/// subject = "consumer" | "credential" | "groups" | "method" | "path" | "claims." name | "claims['name']"
/// test = "exists" | ("==" | "!=" | "contains" | "startsWith" | "endsWith") text | "in" "[" text *("," text) "]"
/// ```
public indirect enum CallerExpression: Equatable, Sendable {
  case all([CallerExpression])
  case any([CallerExpression])
  case not(CallerExpression)
  case test(Subject, Test)

  public enum Subject: Equatable, Sendable {
    case consumer, credential, groups, method, path
    case claim(String)
  }

  public enum Test: Equatable, Sendable {
    case exists
    case equals(String)
    /// Of a list one element, of a text one word.
    case contains(String)
    case startsWith(String)
    case endsWith(String)
    case isOneOf([String])
  }

  public init(parsing text: String) throws(TextProblem) {
    var parser = try CallerExpressionParser(text)
    self = try parser.parse()
  }
}

private struct CallerExpressionParser {
  private enum Token: Equatable {
    case word(String)
    case text(String)
    case symbol(String)

    var shown: String {
      switch self {
      case .word(let text), .symbol(let text): text
      case .text: "a text"
      }
    }
  }

  private var tokens: [Token] = []
  private var at = 0
  private var depth = 0

  private static let maxDepth = 32

  init(_ text: String) throws(TextProblem) {
    let characters = Array(text)
    var index = 0
    while index < characters.count {
      let character = characters[index]
      if character.isWhitespace {
        index += 1
      } else if character == "'" || character == "\"" {
        let start = index + 1
        guard let end = characters[start...].firstIndex(of: character) else {
          throw TextProblem("a text without its closing \(character)")
        }
        tokens.append(.text(String(characters[start..<end])))
        index = end + 1
      } else if "()[],".contains(character) {
        tokens.append(.symbol(String(character)))
        index += 1
      } else if "=!".contains(character) {
        guard index + 1 < characters.count, characters[index + 1] == "=" else {
          throw TextProblem("'\(character)' by itself means nothing", hint: "write == or !=")
        }
        tokens.append(.symbol("\(character)="))
        index += 2
      } else {
        let start = index
        while index < characters.count, !characters[index].isWhitespace,
          !"()[],='\"!".contains(characters[index])
        {
          index += 1
        }
        tokens.append(.word(String(characters[start..<index])))
      }
    }
  }

  mutating func parse() throws(TextProblem) -> CallerExpression {
    let expression = try disjunction()
    if at < tokens.count { throw TextProblem("'\(tokens[at].shown)' is one too many") }
    return expression
  }

  private mutating func take(_ token: Token) -> Bool {
    guard at < tokens.count, tokens[at] == token else { return false }
    at += 1
    return true
  }

  private mutating func next() throws(TextProblem) -> Token {
    guard at < tokens.count else { throw TextProblem("it ends too early") }
    at += 1
    return tokens[at - 1]
  }

  private mutating func disjunction() throws(TextProblem) -> CallerExpression {
    var parts = [try conjunction()]
    while take(.word("or")) { parts.append(try conjunction()) }
    return parts.count == 1 ? parts[0] : .any(parts)
  }

  private mutating func conjunction() throws(TextProblem) -> CallerExpression {
    var parts = [try negation()]
    while take(.word("and")) { parts.append(try negation()) }
    return parts.count == 1 ? parts[0] : .all(parts)
  }

  private mutating func negation() throws(TextProblem) -> CallerExpression {
    depth += 1
    defer { depth -= 1 }
    if depth > Self.maxDepth { throw TextProblem("it is nested too deep") }
    if take(.word("not")) { return .not(try negation()) }
    if take(.symbol("(")) {
      let expression = try disjunction()
      guard take(.symbol(")")) else { throw TextProblem("a '(' without its ')'") }
      return expression
    }
    let subject = try subject()
    return try test(of: subject)
  }

  private mutating func subject() throws(TextProblem) -> CallerExpression.Subject {
    guard case .word(let word) = try next() else {
      throw TextProblem("'\(tokens[at - 1].shown)' stands where a subject should be")
    }
    switch word {
    case "consumer": return .consumer
    case "credential": return .credential
    case "groups": return .groups
    case "method": return .method
    case "path": return .path
    case "claims":
      guard take(.symbol("[")), case .text(let name) = try next(), take(.symbol("]")) else {
        throw TextProblem("write claims.name or claims['name']")
      }
      return .claim(name)
    case _ where word.hasPrefix("claims.") && word.count > 7:
      return .claim(String(word.dropFirst(7)))
    default:
      throw TextProblem(
        "'\(word)' is not known here",
        hint: "subjects are consumer, credential, groups, method, path and claims.name")
    }
  }

  private mutating func test(
    of subject: CallerExpression.Subject
  ) throws(TextProblem) -> CallerExpression {
    switch try next() {
    case .word("exists"): return .test(subject, .exists)
    case .symbol("=="): return .test(subject, .equals(try text()))
    case .symbol("!="): return .not(.test(subject, .equals(try text())))
    case .word("contains"): return .test(subject, .contains(try text()))
    case .word("startsWith"): return .test(subject, .startsWith(try text()))
    case .word("endsWith"): return .test(subject, .endsWith(try text()))
    case .word("in"): return .test(subject, .isOneOf(try list()))
    default:
      throw TextProblem(
        "'\(tokens[at - 1].shown)' is no test",
        hint: "tests are ==, !=, in, contains, startsWith, endsWith and exists")
    }
  }

  private mutating func text() throws(TextProblem) -> String {
    guard case .text(let text) = try next() else {
      throw TextProblem("a text stands in quotes", hint: "as in method == 'GET'")
    }
    return text
  }

  private mutating func list() throws(TextProblem) -> [String] {
    guard take(.symbol("[")) else { throw TextProblem("'in' needs a list: ['a', 'b']") }
    var texts = [try text()]
    while take(.symbol(",")) { texts.append(try text()) }
    guard take(.symbol("]")) else { throw TextProblem("a '[' without its ']'") }
    return texts
  }
}
