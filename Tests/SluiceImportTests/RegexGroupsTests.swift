import Testing

@testable import SluiceImport

@Suite struct RegexGroupsTests {
  @Test(arguments: [
    "", "a", "(a)|(b)", "a(?:b(c))", "\\)", "\\(", "[)]", "[](]", "[^](]", "[[:alpha:])]",
    "\\Q)\\E", "(?#:)",
    "[\\])]", "\\\\(a)",
  ])
  func closed(regex: String) { #expect(RegexGroups.areClosed(regex)) }

  @Test(arguments: [
    "a)|(b", ")", "(", "(a", "a)", "[(", "[]", "\\Qa\\E)", "(?#a))", "\\\\)", "[a])", "[[:alpha:]",
  ])
  func open(regex: String) { #expect(!RegexGroups.areClosed(regex)) }
}
