import SluiceConfiguration
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
