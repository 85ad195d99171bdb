import Glibc

/// A system call that failed.
public struct SystemError: Error, Equatable, CustomStringConvertible, Sendable {
  public let call: String
  public let code: Int32

  public init(call: String, code: Int32) {
    self.call = call
    self.code = code
  }

  public var description: String { "\(call): \(reason)" }

  /// Without the system call's name, which says nothing to a user.
  public var reason: String { String(cString: strerror(code)) }
}
