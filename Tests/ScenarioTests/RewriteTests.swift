import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// What `rewrite` makes of paths and queries.
  @Suite struct RewriteTests {
    private func sent(
      _ target: String, regex: String? = nil, path: String? = nil, query: String? = nil,
      _ edit: (inout Configuration) -> Void = { _ in }
    ) throws -> String {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream) { configuration in
        var rewrite = Configuration.Rewrite()
        rewrite.regex = regex
        rewrite.path = path
        rewrite.query = query
        configuration.all.policies[Configuration.Rewrite.self] = rewrite
        edit(&configuration)
      }
      let response = try fixture.get(target, "X-In: a/../b&c=d")
      // What arrived, not what the gateway says.
      return response.status == 200 ? response.text : "\(response.status) \(response.code ?? "")"
    }

    @Test func groupsGoWhereTheyAreWanted() throws {
      let regex = "/old/([^/]+)/(.*)"
      #expect(try sent("/old/a/b/c?q=1", regex: regex, path: "/new/$2/$1") == "/new/b/c/a?q=1")
      #expect(try sent("/old/a/", regex: regex, path: "/new/$1$2") == "/new/a")
      #expect(try sent("/other?q", regex: regex, path: "/new/$1") == "/other?q")
      #expect(try sent("/old/a/b", regex: regex, path: "/$$1/$1") == "/$1/a")
      #expect(
        try sent("/old/a/b?x=1", regex: regex, path: "/n", query: "p=$1&${request.query}")
          == "/n?p=a&x=1")
      #expect(try sent("/a?x=1", query: "") == "/a")
      #expect(try sent("/a?x=1", path: "/p${request.path}") == "/p/a?x=1")
      #expect(try sent("/ab", regex: "/a(.*)b", path: "/x/$1/y") == "/x/y")
      // A group that took no part.
      #expect(try sent("/b", regex: "/(a)?b", path: "/x$1") == "/x")
    }

    @Test func whatIsMatchedIsTheNormalPath() throws {
      #expect(try sent("/x/../old/%61", regex: "/old/(.*)", path: "/new/$1") == "/new/a")
      #expect(
        try sent("/v1/old/a", regex: "/v1/old/(.*)", path: "/new/$1") {
          $0.all.match.prefix = "/v1"
        } == "/new/a")
    }

    /// However the pieces are put together, targets get no path that leads elsewhere.
    @Test func nothingLeadsOut() throws {
      let refused = "400 malformed-request"
      #expect(try sent("/a./b", regex: "/a(.)/b", path: "/x/.$1/secret") == refused)
      #expect(try sent("/a2e2e", regex: "/a(2e)(2e)", path: "/x/%$1%$2/secret") == refused)
      #expect(try sent("/a/b", path: "/x/${request.header.x-in}") == refused)
      #expect(try sent("/a%3Fb", regex: "/a(.*)", path: "/x$1") == "/x%3Fb")
      // An operator's own dots are refused, too, and not resolved.
      #expect(try sent("/a", path: "/x/../y") == refused)
    }

    @Test func nobodyAddsParameters() throws {
      #expect(
        try sent("/a&admin=1/b", regex: "/(.*)/b", query: "name=$1")
          == "/a&admin=1/b?name=a%26admin%3D1")
      #expect(try sent("/a%26b", regex: "/(.*)", query: "name=$1") == "/a%26b?name=a%26b")
      #expect(
        try sent("/x&y=1", query: "h=${request.header.x-in}&p=${request.path}")
          == "/x&y=1?h=a%2F..%2Fb%26c%3Dd&p=%2Fx%26y%3D1")
      // The same where a single parameter is set.
      #expect(
        try sent("/x&y=1?q=2&r", path: "/z") {
          var transform = Configuration.RequestTransform()
          transform.replace.query = ["q": "${request.path}?${request.query}"]
          transform.add.query = ["s": "${request.path.s}"]
          $0.all.match.path = "/{s}"
          $0.all.policies[Configuration.RequestTransform.self] = transform
        } == "/z?q=%2Fx%26y%3D1?q%3D2%26r&r&s=x%26y%3D1")
    }

    @Test func aPatternThatGivesUpRefuses() throws {
      let long = String(repeating: "a", count: 2_000)
      #expect(
        try sent("/\(long)!", regex: "/(a+)+[bc]", path: "/$1") == "500 regex-limit")
    }

    @Test func groupsThatAreNotThereAreErrors() throws {
      var rewrite = Configuration.Rewrite()
      rewrite.regex = "/(a)/(b)"
      rewrite.path = "/$3"
      #expect(rewrite.problem() == "$3 is no group of regex, which has 2")
      rewrite.regex = "/(a"
      #expect(rewrite.problem()?.hasPrefix("regex: ") == true)
    }
  }
}
