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
    // Made with Python's crypt, and hashlib for {SSHA}.
    ("$2y$05$abcdefghijklmnopqrstuuinjqRJ5QhmAJmp5IDzf0MHyeM3Etg9.", "päss word"),
    ("$2b$04$R9h/cIPz0gi.URNNX3kh2O7OBVswtCCK0LCG2FiJAGckve6I.J3IC", "päss word"),
    ("$5$rounds=5000$saltstring$v0OSACRVEHxTZQtKiIL3V9oRG42F8oXiRwOf1d7iAA3", "päss word"),
    (
      "$6$saltsalt$jRfqhSTnO/9OAPbAd78JkRSCGeeq.rkNbpAt2bEJ4VoS02CNAHwyq4VxQJkZWoRC2g4KqW7m9NMiOLarT4FTi0",
      "päss word"
    ),
    (
      "{SSHA}cELQifA6l+MxsEOCM9nEbeu7eYcwYjNhYTBiOS04YTI0LTRhM2MtYTdhNS02YTZkMWQyZjNjNDQ=",
      "päss word"
    ),
    ("{SHA}zH9xIdvvCk1Psi4ui9OBlBDDcdA=", "päss word"),
    // Made with openssl passwd -apr1 and -1.
    ("$apr1$saltsalt$9burpc.lC5cbCBb1YbsLa1", "päss word"),
    ("$apr1$a$PtM1vJaZieHDFk40mKMu6/", "secret"),
    ("$apr1$./Zz$sxiZ2vp8RlYBtidjce/m70", "0123456789abcdefghijklmnopqrstuvwxyz"),
    ("$1$saltsalt$g.cxZahQptm8idA5mc8iP.", "päss word"),
    ("$1$./Zz$hJGvWSbUkvAu1lIs7cFO./", "0123456789abcdefghijklmnopqrstuvwxyz"),
  ])
  func digestsOfOthersAreChecked(text: String, password: String) throws {
    let digest = try PasswordDigest(parsing: text)
    #expect(digest.verifies(Array(password.utf8)))
    #expect(!digest.verifies(Array((password + " ").utf8)))
    #expect(!digest.verifies([]))
    // What a C string would end at is a byte like any other; HMAC, which scrypt and PBKDF2 are made of,
    // takes zeros at a key's end for none (RFC 2104 2).
    let isOfHMAC = text.hasPrefix("$scrypt") || text.hasPrefix("$pbkdf2")
    #expect(digest.verifies(Array(password.utf8) + [0]) == isOfHMAC)
    #expect(!digest.verifies(Array(password.utf8) + [0] + Array("more".utf8)))
    #expect(digest.text.hasPrefix(text.prefix(6)))
    let again = try PasswordDigest(parsing: digest.text)
    #expect(again == digest)
    #expect(digest.isSlow == !text.hasPrefix("{"))
    #expect(digest.isWeak == ["{", "$a", "$1"].contains { text.hasPrefix($0) })
  }

  /// Also what is as long as a block of MD5, a byte shorter, a byte longer, and nothing; made with openssl
  /// passwd -apr1.
  @Test(arguments: [
    (0, "sHuPAw7VA9xjRbJz7zKV7/"), (1, "zbBEMgfXu4mAHPrplrtNt."), (15, "lPufbXcCV.tLaYAwBAAv.1"),
    (16, "8Y1fyTBfqhQchI9nKtqAQ0"), (17, "khEgZXqjRFrRkQ8OREvlS."), (64, "8M1jvmPPE.t.tXHc0Spfp0"),
    (255, "5kn.9avmlofnMXk2XzMW10"),
  ])
  func passwordsOfEveryLengthAreMixedIn(count: Int, hash: String) throws {
    let digest = try PasswordDigest(parsing: "$apr1$12345678$\(hash)")
    #expect(digest.verifies([UInt8](repeating: 0x78, count: count)))
    #expect(!digest.verifies([UInt8](repeating: 0x78, count: count + 1)))
  }

  /// Longer than what crypt(3) takes (512 bytes) is nobody's password, and no crash.
  @Test(arguments: [
    "$2b$04$R9h/cIPz0gi.URNNX3kh2O7OBVswtCCK0LCG2FiJAGckve6I.J3IC",
    "$apr1$saltsalt$9burpc.lC5cbCBb1YbsLa1",
  ])
  func longPasswordsAreWrong(text: String) throws {
    let digest = try PasswordDigest(parsing: text)
    for count in [71, 72, 73, 511, 512, 513, 100_000] {
      #expect(!digest.verifies([UInt8](repeating: 0x61, count: count)))
    }
  }

  @Test func ownDigestsReadBack() throws {
    let digest = PasswordDigest.make(of: Array("pässword".utf8))
    let read = try PasswordDigest(parsing: digest.text)
    #expect(read == digest)
    #expect(read.verifies(Array("pässword".utf8)))
    #expect(PasswordDigest.make(of: Array("pässword".utf8)) != digest)
  }

  @Test(arguments: [
    "", "secret", "$", "$scrypt$", "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMU",
    "$2b$03$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
    "$2b$16$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
    "$2b$05$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWM*W", "$2b$05", "$2b$",
    "$2x$05$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
    "$5$saltstring", "$5$$v0OSACRVEHxTZQtKiIL3V9oRG42F8oXiRwOf1d7iAA3",
    "$5$rounds=999$saltstring$v0OSACRVEHxTZQtKiIL3V9oRG42F8oXiRwOf1d7iAA3",
    "$5$rounds=1000001$saltstring$v0OSACRVEHxTZQtKiIL3V9oRG42F8oXiRwOf1d7iAA3",
    "$5$seventeenletters1$v0OSACRVEHxTZQtKiIL3V9oRG42F8oXiRwOf1d7iAA3",
    "$6$saltsalt$v0OSACRVEHxTZQtKiIL3V9oRG42F8oXiRwOf1d7iAA3",
    "$apr1$saltsalt$qwertyuiopasdfghjklzx", "$apr1$saltsalt$qwertyuiopasdfghjklzxcv",
    "$apr1$saltsalt$qwertyuiopasdfghjklzx*", "$apr1$$qwertyuiopasdfghjklzxc", "$apr1$saltsalt",
    "$1$",
    "$apr1$saltsalts$qwertyuiopasdfghjklzxc", "$apr1$salt$qwertyuiopasdfghjklzxc$",
    "$y$j9T$salt$hash",
    "{SHA}", "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9", "{SHA}W6ph5Mm5Pz8GgiULbPgzG37m", "{MD5}AAAA",
    "{SSHA}", "{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "{SSHA}!", "{ssha}AAAA",
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
