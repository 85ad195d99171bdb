import CLinux

/// Numbers that nobody can guess, from the kernel, fetched many at a time: one system call for
/// `stockCount` of them. What was given away is forgotten here. Not thread-safe.
public struct SecureRandom: RandomNumberGenerator {
  /// Numbers that one system call brings.
  public static let stockCount = 32

  private var stock = [UInt64](repeating: 0, count: Self.stockCount)
  private var left = 0

  public init() {}

  public mutating func next() -> UInt64 {
    if left == 0 { refill() }
    left &-= 1
    let number = stock[left]
    stock[left] = 0
    return number
  }

  private mutating func refill() {
    let result = stock.withUnsafeMutableBytes { clinux_random($0.baseAddress, $0.count) }
    // Only a kernel without the call fails; ids that could be guessed would be worse.
    precondition(result == 0, "the system gives no random numbers")
    left = Self.stockCount
  }
}
