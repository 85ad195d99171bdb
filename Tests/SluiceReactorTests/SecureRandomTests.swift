import Testing

@testable import SluiceReactor

@Suite struct SecureRandomTests {
  @Test func numbersDoNotRepeat() {
    var random = SecureRandom()
    var other = SecureRandom()
    let numbers = (0..<4 * SecureRandom.stockCount).flatMap { _ in [random.next(), other.next()] }
    #expect(Set(numbers).count == numbers.count)
    // Each bit is set in some of them: 2^-256 for one that is not by chance.
    #expect(numbers.reduce(0, |) == .max && numbers.reduce(.max, &) == 0)
  }
}
