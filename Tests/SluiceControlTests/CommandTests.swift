import Foundation
import SluiceReactor
import Testing

@testable import SluiceControl

/// The commands that read a file and end.
@Suite struct CommandTests {
  static let valid = """
    version: 1
    workers: 1
    listeners:
      web: {address: "127.0.0.1:0"}
    services:
      one: {targets: ["http://127.0.0.1:9"]}
    routes:
      one: {match: {prefix: /}, service: one}
    """

  @Test func aValidFileIsSilent() throws {
    let file = try TemporaryFile(Self.valid)
    let result = try Command("check", file.path).finish()
    #expect(result == (0, ""))
  }

  @Test func fiveMistakesAreFiveDiagnostics() throws {
    let file = try TemporaryFile(
      """
      version: 1
      listeners:
        web: {adress: "127.0.0.1:0"}
      services:
        one: {targets: ["ftp://127.0.0.1:9"], balance: fastest}
      routes:
        one: {match: {prefix: api}, service: one}
        two: {match: {regex: "("}, service: one}
      """)
    let (status, errors) = try Command("check", file.path).finish()
    #expect(status == 1)
    let places = errors.split(separator: "\n").filter { $0.hasPrefix(file.path) }
    for (line, part) in [(3, "adress"), (5, "ftp"), (5, "fastest"), (7, "prefix"), (8, "regex")] {
      #expect(
        places.contains { $0.hasPrefix("\(file.path):\(line):") && $0.contains(part) },
        "line \(line), \(part), in \(errors)")
    }
    #expect(errors.contains("did you mean 'address'?"))
  }

  @Test func standardInputIsAFile() throws {
    let (status, errors) = try Command("check", "-", input: "version: 2\n").finish()
    #expect(status == 1)
    #expect(errors.contains("<standard input>:1:10: error: version"))
  }

  @Test(arguments: ["check", "run"])
  func aMissingFileIsNamed(command: String) throws {
    let (status, errors) = try Command(command, "/no/such/file.yaml").finish()
    #expect(status == 1)
    #expect(errors == "sluice: can't read /no/such/file.yaml: No such file or directory\n")
  }

  @Test func aDirectoryIsNoFile() throws {
    let (status, errors) = try Command("run", "/tmp").finish()
    #expect(status == 1)
    #expect(errors == "sluice: can't read /tmp: Is a directory\n")
  }

  @Test(arguments: [
    ["run"], ["check"], ["chekc", "x"], ["run", "--fast", "x"], ["explain", "x"],
    ["connections", "--admin", "127.0.0.1:9901"], ["plan", "--admin", "https://a.test", "x"],
    ["top", "--admin", "unix:relative"], ["connections", "close", "--all", "--route", "a"],
  ])
  func aWrongCommandLineExitsWith64(arguments: [String]) throws {
    let (status, errors) = try Command(arguments).finish()
    #expect(status == 64)
    #expect(errors.contains("sluice"))
  }

  /// What is not valid is not written either, so that nobody runs it.
  @Test(arguments: ["Hello: there: you\n", "version: 2\n", ""])
  func convertWritesNothingOfWhatIsNoConfiguration(text: String) throws {
    let command = try Command("convert", "-", input: text)
    let (status, errors) = command.finish()
    #expect(status == 1)
    #expect(errors.contains("<standard input>:1:"))
    #expect(command.output == "")
  }

  @Test func aReferenceSaysWhyItsFileCannotBeRead() throws {
    let file = try TemporaryFile("")
    for (path, content, reason) in [
      ("/no/such/secret", nil, "No such file or directory"), ("/tmp", nil, "Is a directory"),
      (file.path, [0xFF, 0xFE] as [UInt8], "it is no UTF-8 text"),
    ] {
      if let content { try Data(content).write(to: URL(fileURLWithPath: path)) }
      let text = Self.valid + "\nconsumers: {a: {credentials: [{key-auth: \"${file:\(path)}\"}]}}"
      let (status, errors) = try Command("check", "-", input: text).finish()
      #expect(status == 1)
      #expect(errors.contains("the file '\(path)' can't be read: \(reason)\n"))
    }
  }

  /// Tools write names into the comments of PEM, in whatever encoding they have.
  @Test func aCommentBetweenCertificatesMayBeAnything() throws {
    let file = try TemporaryFile("")
    let block = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"
    let bytes = Array(block.utf8) + Array("# Autorit".utf8) + [0xE9, 0x0A] + Array(block.utf8)
    try Data(bytes).write(to: URL(fileURLWithPath: file.path))
    #expect(
      TextFile.value(file.path) == .success("\(block)# Autorit\u{FFFD}\n\(block)"))
  }

  @Test func theSchemaIsJSON() throws {
    let command = try Command("check", "--schema")
    #expect(command.finish() == (0, ""))
    let schema = try JSONSerialization.jsonObject(with: Data(command.output.utf8))
    #expect((schema as? [String: Any])?["$schema"] != nil)
  }

  @Test func explainAnswersOnStandardOutput() throws {
    let file = try TemporaryFile(Self.valid)
    let command = try Command("explain", file.path, "GET", "/x", "--json")
    #expect(command.finish() == (0, ""))
    let report = try JSONSerialization.jsonObject(with: Data(command.output.utf8))
    #expect((report as? [String: Any])?["route"] as? String == "one")
  }

  @Test func explainSaysWhatIsNoURL() throws {
    let file = try TemporaryFile(Self.valid)
    let (status, errors) = try Command("explain", file.path, "GET", "x").finish()
    #expect(status == 64)
    #expect(errors == "sluice: 'x' is not a URL; write /path or http://host/path\n")
  }
}
