import Testing

@testable import SluiceConfiguration

/// Templates, and what the policies that use them refuse.
@Suite struct TemplateTests {
  @Test func segments() throws {
    let template = try #require(Template("a ${request.header.X-A} $ ${claims.sub}${request.path}"))
    #expect(
      template.segments == [
        .literal("a "), .variable(.header("x-a")), .literal(" $ "), .variable(.claim("sub")),
        .variable(.path),
      ])
    #expect(Template("plain")?.segments == [.literal("plain")])
    #expect(Template("")?.segments == [])
    for wrong in ["${", "${}", "${request.heder.a}", "${request.header.}", "${request.header.a b}"]
    {
      #expect(Template(wrong) == nil)
    }
  }

  @Test(arguments: [
    ("request-transform: {add: {headers: {X-A: '${request.nothing}'}}}", "there is no variable"),
    ("request-transform: {add: {headers: {X-A: '${request.path.id}'}}}", "has no {id}"),
    ("request-transform: {path: '/${request.path.id}'}", "has no {id}"),
    ("request-transform: {path: 'a'}", "must start with /"),
    ("request-transform: {path: '/a?b'}", "without query"),
    ("request-transform: {method: HEAD}", "HEAD"),
    ("request-transform: {remove: {headers: [Host]}}", "the gateway's own"),
    ("request-transform: {rename: {headers: {X-A: Content-Length}}}", "the gateway's own"),
    ("request-transform: {append: {headers: {x-consumer-username: root}}}", "the gateway's own"),
    ("response-transform: {add: {headers: {Transfer-Encoding: x}}}", "the gateway's own"),
    ("redirect: {location: /, status: 304}", "no redirection"),
    ("redirect: {location: '${x}'}", "unknown reference"),
    ("mock: {status: 204, body: a}", "has no body"),
    ("mock: {headers: {Content-Length: '1'}}", "the gateway's own"),
    ("fault: {}", "does nothing"), ("fault: {abort: 200}", "no status of a failure"),
    ("cors: {origins: ['*'], credentials: true}", "never for the pages of all"),
    ("cors: {origins: [a]}", "origin"), ("cache: {maxObjectSize: 8MiB}", "a sixteenth"),
    ("cache: {key: {queryOnly: [a], queryIgnored: [b]}}", "has both"),
    ("cache: {key: {headers: [Cookie]}}", "can't be a part of the key"),
  ])
  func whatIsRefused(policy: String, message: String) {
    let text = file(route: "match: {path: /a}, policies: {\(policy)}")
    #expect(diagnostics(text).contains { $0.contains(message) }, "\(diagnostics(text))")
  }

  @Test func theFilesReferencesComeFirst() throws {
    let text = file(
      route:
        "match: {path: /a}, policies: {request-transform: {add: {headers: {X-A: '${env:A}-${request.id}'}}}}"
    )
    let result = read(text, environment: ["A": "value"])
    #expect(result.diagnostics == [])
    let transform = result.configuration?.routes["a"]?.policies[
      Configuration.RequestTransform.self]
    #expect(transform?.add.headers["X-A"] == "value-${request.id}")
  }
}
