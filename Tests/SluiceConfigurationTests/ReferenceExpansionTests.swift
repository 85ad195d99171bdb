import Testing

@testable import SluiceConfiguration

@Suite struct ReferenceExpansionTests {
  @Test func referencesStandForTheirValues() throws {
    let text = file(
      listener: "limits: {fields: \"${env:FIELDS}\"}, forwarded: {xForwarded: \"${env:YES}\"}",
      service: "host: \"${env:NAME}.${file:/etc/domain}\"",
      route: "match: {path: /a, headers: {X: \"a$$b$$$${c\", Y: $5, Z: a$}}",
      rest: "workers: ${env:WORKERS}")
    let result = read(
      text, environment: ["FIELDS": "7", "YES": "true", "NAME": "api", "WORKERS": "3"],
      files: ["/etc/domain": "example.com\n"])
    #expect(result.diagnostics == [])
    let configuration = try #require(result.configuration)
    #expect(configuration.workers == .count(3))
    #expect(configuration.listeners["web"]?.limits.fields == 7)
    #expect(configuration.listeners["web"]?.forwarded.xForwarded == true)
    #expect(configuration.services["api"]?.host == .literal("api.example.com"))
    #expect(
      configuration.routes["a"]?.match.headers == ["X": "a$b$${c", "Y": "$5", "Z": "a$"])
  }

  /// One end of a line is no part of a value, whatever wrote it.
  @Test(arguments: [("a", "a"), ("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("\n", "")])
  func aFileEndsWithoutItsLastLineEnd(content: String, value: String) {
    let references = References(environment: [:], readFile: { _ in .success(content) })
    #expect(references.expand("<${file:/x}>") == .success("<\(value)>"))
  }

  @Test func expandedTextIsNotExpandedAgain() {
    let references = References(
      environment: ["A": "${env:B}$$", "B": "b"], readFile: ConfigurationReader.noFiles)
    #expect(references.expand("<${env:A}>") == .success("<${env:B}$$>"))
  }

  @Test(arguments: [
    ("${env:W}", "the environment variable 'W' is not set"),
    ("${env:}", "a reference without a name\n  hint: write ${env:NAME}"),
    ("${file:x}", "a file reference needs an absolute path\n  hint: write ${file:/path}"),
    ("${file:/x}", "the file '/x' can't be read: No such file or directory"),
    (
      "${vault:x}",
      "unknown reference '${vault:x}'\n"
        + "  hint: references are ${env:NAME} and ${file:/path}; write $${ for a literal ${"
    ),
    ("${env", "a reference '${' without its '}'\n  hint: write $${ for a literal ${"),
  ])
  func wrongReferences(text: String, message: String) {
    #expect(diagnostics(file(rest: "workers: \"\(text)\"")) == ["5:10: error: workers: \(message)"])
  }

  /// The same wrong secret at a place of every kind of value and of every rule that shows values.
  @Test func secretsAreNeverShown() {
    let secret = "S3CR3T(value"
    let text = """
      version: "${env:S}"
      workers: "${env:S}"
      hosts: {a: ["${env:S}"]}
      listeners:
        web:
          address: "${env:S}"
          trustedProxies: ["${env:S}"]
          encodedSlashes: "x${env:S}"
          timeouts: {head: "${env:S}"}
          limits: {fields: "${env:S}", head: "${env:S}"}
          forwarded: {xForwarded: "${env:S}", via: "${env:S}"}
      services:
        api:
          targets: ["http://${env:S}"]
          balance: "${env:S}"
          hash: "${env:S}"
        other:
          targets: ["${env:S}"]
      routes:
        a: {service: "${env:S}", match: {regex: "${env:S}", methods: ["${env:S}"]}}
        b: {service: api, match: {path: "${env:S}", hosts: ["${env:S}"], listeners: ["${env:S}"]}}
        c: {service: api, kind: "${env:S}", maxBodySize: "${env:S}"}
        d: {service: api, match: "${env:S}"}
        e: {service: api, match: {methods: "${env:S}"}}
        f: {service: api, match: {path: "/${file:/s}"}}
      accessLog: {output: "${env:S}"}
      admin: {address: "${file:/s}"}
      """
    let result = read(text, environment: ["S": secret], files: ["/s": secret])
    #expect(result.configuration == nil)
    #expect(result.diagnostics.count == 27)
    for diagnostic in result.diagnostics {
      #expect(!diagnostic.description.contains("S3CR3T"), "\(diagnostic)")
      #expect(!diagnostic.description.contains("internal"), "\(diagnostic)")
    }
  }
}
