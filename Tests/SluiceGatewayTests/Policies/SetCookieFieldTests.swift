import SluiceConfiguration
import Testing

@testable import SluiceGateway

@Suite struct SetCookieFieldTests {
  private func changed(
    _ text: String, _ body: (inout SetCookieField) -> Void
  ) -> String? {
    guard var field = SetCookieField(Array(text.utf8).span) else { return nil }
    body(&field)
    return field.isChanged ? String(decoding: field.bytes, as: UTF8.self) : "as it was"
  }

  private func flags(_ edit: (inout Configuration.CookieFlags) -> Void)
    -> Configuration.CookieFlags
  {
    var flags = Configuration.CookieFlags()
    flags.cookie = "*"
    edit(&flags)
    return flags
  }

  @Test(arguments: [
    ("a=b; Domain=old.test; Path=/", "a=b; Domain=new.test; Path=/"),
    ("a=b;domain=OLD.test", "a=b; domain=new.test"),
    ("a=b; Domain=.old.test", "a=b; Domain=.new.test"),
    ("a=b; Domain=..old.test", "as it was"), ("a=b; Domain=x.old.test", "as it was"),
    ("a=b; Domain=old.test2", "as it was"), ("a=b; Domain", "as it was"),
    ("a=b; Domain=", "as it was"), ("domain=old.test", "as it was"), ("a=b", "as it was"),
    ("a=b; Domain = old.test ; Secure", "a=b; Domain=new.test; Secure"),
    ("a=b; Domain=old.test; Domain=old.test", "a=b; Domain=new.test; Domain=new.test"),
  ])
  func domains(text: String, expected: String) {
    let result = changed(text) {
      _ = $0.changeDomain(from: Array("old.test".utf8), to: Array("new.test".utf8))
    }
    #expect(result == expected)
  }

  @Test(arguments: [
    ("a=b; Path=/old", "a=b; Path=/n"), ("a=b; Path=/old/x", "a=b; Path=/n/x"),
    ("a=b; path=/older", "a=b; path=/ner"), ("a=b; Path=/x/old", "as it was"),
    ("a=b; Path=/OLD", "as it was"), ("a=b; Path=/", "as it was"),
  ])
  func paths(text: String, expected: String) {
    let result = changed(text) {
      _ = $0.changePath(from: Array("/old".utf8), to: Array("/n".utf8))
    }
    #expect(result == expected)
  }

  @Test func flagsComeAndGo() {
    let all = flags {
      $0.secure = true
      $0.httpOnly = true
      $0.sameSite = .lax
    }
    #expect(changed("a=b") { $0.set(all) } == "a=b; Secure; HttpOnly; SameSite=Lax")
    #expect(changed("a=b; secure; httponly; samesite=lax") { $0.set(all) } == "as it was")
    #expect(
      changed("a=b; SameSite=None; Path=/") { $0.set(all) }
        == "a=b; SameSite=Lax; Path=/; Secure; HttpOnly")
    let none = flags {
      $0.secure = false
      $0.httpOnly = false
      $0.sameSite = .remove
    }
    #expect(
      changed("a=b; Secure; Path=/; HttpOnly; SameSite=None; Secure") { $0.set(none) }
        == "a=b; Path=/")
    #expect(changed("a=b; Path=/") { $0.set(none) } == "as it was")
  }

  @Test func whatIsNoCookieIsLeftAlone() {
    for text in ["", "a", "=b", ";", "; Domain=old.test"] { #expect(changed(text) { _ in } == nil) }
  }

  @Test func namesHaveNoCase() {
    let text = Array("Session=1".utf8)
    guard let field = SetCookieField(text.span) else {
      Issue.record("no cookie")
      return
    }
    #expect(field.isMeant(by: flags { $0.cookie = "SESSION" }))
    #expect(field.isMeant(by: flags { _ in }))
    #expect(!field.isMeant(by: flags { $0.cookie = "session2" }))
  }
}
