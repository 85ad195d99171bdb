import ArgumentParser
import SluiceConfiguration
import SluiceControl
import SluiceGateway

struct HashPassword: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "hash-password",
    abstract: "Make the digest of a password, for a consumer's basic-auth credential.",
    discussion: """
      Reads the password from standard input, one line, and prints its scrypt digest. A terminal does \
      not show what is typed.
      """)

  func run() throws {
    guard let password = Console.readSecret(prompt: "Password: "), !password.isEmpty else {
      throw ValidationError("There is no password on standard input.")
    }
    Console.print(PasswordDigest.make(of: Array(password.utf8)).text + "\n")
  }
}
