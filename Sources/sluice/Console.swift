import ArgumentParser
import Glibc
import Logging
import SluiceConfiguration
import SluiceControl
import SluiceReactor

/// What the commands say, and where.
enum Console {
  /// Writes to standard output, whole.
  static func print(_ text: String) { write(text, STDOUT_FILENO) }

  static func complain(_ text: String) { write("sluice: \(text)\n", STDERR_FILENO) }

  /// A line of standard input; a terminal gets the prompt and does not show what is typed.
  static func readSecret(prompt: String) -> String? {
    guard isatty(STDIN_FILENO) == 1 else { return readLine() }
    write(prompt, STDERR_FILENO)
    var shown = termios()
    tcgetattr(STDIN_FILENO, &shown)
    var hidden = shown
    hidden.c_lflag &= ~tcflag_t(ECHO)
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden)
    defer {
      tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown)
      write("\n", STDERR_FILENO)
    }
    return readLine()
  }

  static func report(_ diagnostics: [Diagnostic]) {
    for diagnostic in diagnostics { write("\(diagnostic)\n", STDERR_FILENO) }
  }

  static func makeLogger() -> Logger { Logger(label: "sluice") { _ in LineLogHandler() } }

  private static func write(_ text: String, _ descriptor: Int32) {
    var rest = Substring(text).utf8
    while !rest.isEmpty {
      let count = Array(rest).withUnsafeBufferPointer {
        Glibc.write(descriptor, $0.baseAddress, $0.count)
      }
      if count < 0 && errno == EINTR { continue }
      if count <= 0 { return }
      rest = rest.dropFirst(count)
    }
  }
}

extension ConfigurationFile {
  /// Reads the file and prints its diagnostics; nil, with the reason printed, when it is not valid.
  func readOrComplain() -> Configuration? { readResultOrComplain()?.configuration }

  /// The same, with all that reading gave; it has a configuration.
  func readResultOrComplain() -> ReadResult? {
    do throws(SystemError) {
      let result = try read()
      Console.report(result.diagnostics)
      return result.configuration == nil ? nil : result
    } catch {
      Console.complain("can't read \(path): \(error.reason)")
      return nil
    }
  }
}
