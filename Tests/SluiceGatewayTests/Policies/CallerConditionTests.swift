import SluiceConfiguration
import SluiceReactor
import Testing

@testable import SluiceGateway

@Suite struct CallerConditionTests {
  @Test(arguments: [
    "consumer == 'a'", "not (consumer == 'a' and method != 'GET')", "claims.a.b exists",
    "claims['https://x.test/roles'] contains \"it's\"",
    "path startsWith '/a' or groups contains 'b'",
    "method in ['GET','HEAD']",
  ])
  func conditions(text: String) throws {
    _ = try CallerExpression(parsing: text)
  }

  @Test(arguments: [
    "", "consumer", "consumer = 'a'", "consumer == a", "consumer == 'a", "user == 'a'",
    "(consumer == 'a'", "consumer == 'a')", "consumer == 'a' consumer == 'b'", "method in 'GET'",
    "method in []", "method in ['a'", "not", "claims == 'a'", "claims. == 'a'", "== 'a'",
    "and", String(repeating: "(", count: 100),
    String(repeating: "not ", count: 100) + "consumer exists",
  ])
  func whatIsNoConditionIsRefused(text: String) {
    #expect(throws: TextProblem.self) { _ = try CallerExpression(parsing: text) }
  }

  @Test func andBindsCloserThanOr() throws {
    let text = "consumer == 'a' or consumer == 'b' and method == 'c'"
    let expected = CallerExpression.any([
      .test(.consumer, .equals("a")),
      .all([.test(.consumer, .equals("b")), .test(.method, .equals("c"))]),
    ])
    #expect(try CallerExpression(parsing: text) == expected)
  }

  /// Method and path are gone with the handshake; what they decide counts as held.
  @Test(arguments: [
    ("consumer == 'alice'", true), ("consumer == 'bob'", false), ("groups contains 'staff'", true),
    ("claims.plan == 'gold'", true), ("claims.team exists", false), ("method == 'POST'", true),
    ("not (path startsWith '/a')", true), ("consumer == 'bob' and path == '/a'", false),
    ("not (consumer == 'alice' or path == '/a')", false),
    ("consumer == 'bob' or path == '/a'", true), ("consumer == 'alice' and method == 'PUT'", true),
  ])
  func aSessionIsJudgedByItsCaller(text: String, expected: Bool) {
    var settings = Configuration.Claims()
    settings.require = [text]
    let policy = CompiledClaims(settings)
    let plan = Identity.Claim(name: Array("plan".utf8), value: Array("gold".utf8), words: [])
    let alice = Identity(
      consumer: Array("alice".utf8), groups: [Array("staff".utf8)], claims: [plan])
    #expect(policy.admits(alice, from: .unnamedUnix) == expected)
    #expect(!policy.admits(nil, from: .unnamedUnix))
  }

  /// As at a handshake: whom nobody names is in no group, and that is no reason to let them in.
  @Test func aListOfThoseDeniedIsForCallersWithNames() {
    var settings = Configuration.ACL()
    settings.deny = ["banned"]
    let policy = CompiledACL(settings)
    for (caller, expected) in [
      (nil, false), (Identity(consumer: []), false), (Identity(consumer: [0x61]), true),
      (Identity(consumer: [], groups: [[0x62]]), true),
      (Identity(consumer: [0x61], groups: [Array("banned".utf8)]), false),
    ] {
      #expect(policy.admits(caller, from: .unnamedUnix) == expected)
    }
  }

  @Test func claimsAreWordsOrLists() throws {
    let scope = Identity.Claim(
      name: [1], value: Array("read write".utf8), words: [Array("read".utf8), Array("write".utf8)])
    let list = Identity.Claim(name: [2], value: [], words: [Array("a b".utf8), Array("c".utf8)])
    func holds(_ test: CallerExpression.Test, _ claim: Identity.Claim) -> Bool {
      CallerCondition.Test(test).holds(claim)
    }
    #expect(holds(.contains("read"), scope))
    #expect(!holds(.contains("rea"), scope))
    #expect(holds(.equals("read write"), scope))
    #expect(!holds(.equals("read"), scope))
    #expect(holds(.contains("a b"), list))
    #expect(!holds(.contains("a"), list))
    #expect(holds(.equals("c"), list))
    #expect(holds(.startsWith("a"), list))
    #expect(holds(.endsWith("b"), list))
    #expect(holds(.isOneOf(["x", "c"]), list))
    #expect(holds(.exists, list))
  }
}
