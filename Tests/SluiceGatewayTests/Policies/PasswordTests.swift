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

  // MARK: Names of nobody

  private static let strong = [
    "$2b$04$R9h/cIPz0gi.URNNX3kh2O7OBVswtCCK0LCG2FiJAGckve6I.J3IC",
    "$5$rounds=5000$saltstring$v0OSACRVEHxTZQtKiIL3V9oRG42F8oXiRwOf1d7iAA3",
  ]
  private static let weak = "$apr1$saltsalt$9burpc.lC5cbCBb1YbsLa1"
  private static let quick = "{SHA}zH9xIdvvCk1Psi4ui9OBlBDDcdA="

  /// A consumer, of the group `staff`, for each digest; one more that the file has the password of.
  private func directory(_ digests: [String]) -> PasswordDirectory {
    var consumers: [String: Configuration.Consumer] = [:]
    for (index, digest) in (digests + [""]).enumerated() {
      var credential = Configuration.Credential()
      credential.basicAuth = Configuration.PasswordCredential(
        username: "user-\(index)", password: digest.isEmpty ? "open" : nil,
        digest: digest.isEmpty ? nil : digest)
      var consumer = Configuration.Consumer()
      consumer.credentials = [credential]
      consumers["consumer-\(digests.hashValue)-\(index)"] = consumer
    }
    return PasswordDirectory(consumers, [:])
  }

  /// The slow digest that a name is checked against, and whether the right password would let it in.
  private func slowCheck(
    _ directory: PasswordDirectory, _ name: String, isMeant: Bool = true
  ) -> (digest: PasswordDigest, canPass: Bool)? {
    guard
      case .slow(let digest, let identity) = directory.check(
        of: Array(name.utf8), meant: { _ in isMeant })
    else { return nil }
    return (digest, identity != nil)
  }

  /// As many digests are made for a name of nobody as for one that is somebody's: one, by the same thread.
  @Test func nobodysNameTakesTheWayOfOthers() throws {
    for digests in [[Self.strong[0]], [Self.weak], Self.strong, Self.strong + [Self.quick]] {
      let directory = directory(digests)
      #expect(directory.isSlow)
      let known = try #require(slowCheck(directory, "user-0"))
      #expect(known.canPass && known.digest.text == digests[0])
      for (name, isMeant) in [("nobody", true), ("", true), ("user-0", false), ("user-9", true)] {
        let other = try #require(slowCheck(directory, name, isMeant: isMeant), "\(name)")
        #expect(!other.canPass && digests.contains(other.digest.text))
      }
      // The one with its password in the file, where it is not meant, is nobody, too.
      let open = try #require(slowCheck(directory, "user-\(digests.count)", isMeant: false))
      #expect(!open.canPass)
    }
  }

  /// In whatever order a dictionary has them: one strong digest among nine is enough.
  @Test func whoIsNobodyIsNotCheckedByAWeakDigest() throws {
    for round in 0..<20 {
      let weak = (0..<8).map { "$apr1$salt\(round)\($0)$9burpc.lC5cbCBb1YbsLa1" }
      let directory = directory(weak + [Self.quick, Self.strong[round % 2]])
      let nobody = try #require(slowCheck(directory, "nobody"))
      #expect(nobody.digest.text == Self.strong[round % 2] && !nobody.canPass)
      let known = try #require(slowCheck(directory, "user-3"))
      #expect(known.digest.text == weak[3] && known.canPass)
    }
  }

  /// Where all digests are quick there is nothing to hide, and no thread.
  @Test func withoutSlowDigestsNobodyIsNobody() {
    let directory = directory([Self.quick])
    #expect(!directory.isSlow)
    guard case .nobody = directory.check(of: Array("nobody".utf8), meant: { _ in true }) else {
      return #expect(Bool(false), "a check of nobody's name")
    }
    guard case .quick = directory.check(of: Array("user-0".utf8), meant: { _ in true }),
      case .plain = directory.check(of: Array("user-1".utf8), meant: { _ in true })
    else { return #expect(Bool(false), "checks of somebody's names") }
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
