import SluiceConfiguration
import SluiceReactor
import Testing

@testable import SluiceGateway

@Suite struct PasswordTests {
  /// Made with Python's hashlib.
  @Test(arguments: [
    (
      "$scrypt$ln=10,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$s3IZwNaj0tVJT/Zd1BK36yyWUegjfcz+09S7ubTdZqI",
      "bob-password"
    ),
    (
      "$pbkdf2-sha256$10000$MDEyMzQ1Njc4OWFiY2RlZg$DBf54t/X/NNx2dijMnVNXuhihQL6PKiBz6sIlV6Nh3A",
      "carol-password"
    ),
    (
      "$pbkdf2-sha512$i=10000$MDEyMzQ1Njc4OWFiY2RlZg$O62k85t6yxm1p8VCVaBRsi7Cdt43k4Pq3+gHES9wJxI",
      "carol-password"
    ),
  ])
  func digestsOfOthersAreChecked(text: String, password: String) throws {
    let digest = try PasswordDigest(parsing: text)
    #expect(digest.verifies(Array(password.utf8)))
    #expect(!digest.verifies(Array((password + " ").utf8)))
    #expect(!digest.verifies([]))
  }

  @Test func ownDigestsReadBack() throws {
    let digest = PasswordDigest.make(of: Array("pässword".utf8))
    let read = try PasswordDigest(parsing: digest.text)
    #expect(read == digest)
    #expect(read.verifies(Array("pässword".utf8)))
    #expect(PasswordDigest.make(of: Array("pässword".utf8)) != digest)
  }

  @Test(arguments: [
    "", "secret", "$", "$scrypt$", "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
    "$scrypt$ln=30,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$s3IZwNaj0tVJT/Zd1BK36yyWUegjfcz+09S7ubTdZqI",
    "$scrypt$ln=10,r=8$MDEyMzQ1Njc4OWFiY2RlZg$s3IZwNaj0tVJT/Zd1BK36yyWUegjfcz+09S7ubTdZqI",
    "$scrypt$ln=10,r=8,p=1$AAAA$s3IZwNaj0tVJT/Zd1BK36yyWUegjfcz+09S7ubTdZqI",
    "$pbkdf2-sha256$1$MDEyMzQ1Njc4OWFiY2RlZg$DBf54t/X/NNx2dijMnVNXuhihQL6PKiBz6sIlV6Nh3A",
  ])
  func whatIsNoDigestIsRefused(text: String) {
    #expect(throws: TextProblem.self) { _ = try PasswordDigest(parsing: text) }
  }

  @Test func recentValuesAreRememberedWithinBounds() {
    var cache = RecentCache<Int, Int>(size: 10)
    let now = MonotonicTime(nanoseconds: 0)
    let later = now.advanced(byNanoseconds: 100)
    for key in 0..<1_000 {
      cache.set(key, key * 2, expires: later)
      #expect(cache.count <= 10)
      // What is asked for stays.
      let first = cache.value(0, now: now)
      #expect(first == 0)
    }
    let found = [(999, now), (500, now), (0, later)].map { cache.value($0, now: $1) }
    #expect(found == [1_998, nil, nil])
    var none = RecentCache<Int, Int>(size: 0)
    none.set(1, 1, expires: later)
    let nothing = none.value(1, now: now)
    #expect(nothing == nil)
  }
}
