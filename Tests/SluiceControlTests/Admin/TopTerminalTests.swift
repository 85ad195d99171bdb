import Foundation
import Testing

@testable import SluiceControl

/// `sluice top` in front of somebody: a pseudo-terminal.
@Suite struct TopTerminalTests {
  /// The built command with a terminal of its own.
  private final class Terminal {
    let process = Process()
    let near: Int32
    let far: Int32
    private var text = ""

    init(_ fixture: AdminFixture, columns: UInt16, rows: UInt16, term: String = "xterm") throws {
      near = open("/dev/ptmx", O_RDWR | O_NOCTTY | Int32(O_CLOEXEC))
      // TIOCSPTLCK and TIOCGPTN, which the module map leaves out: unlocks it and asks for its number.
      var (isLocked, number): (Int32, UInt32) = (0, 0)
      try #require(ioctl(near, 0x4004_5431, &isLocked) == 0)
      try #require(ioctl(near, 0x8004_5430, &number) == 0)
      far = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY | Int32(O_CLOEXEC))
      try #require(far >= 0)
      resize(columns, rows)
      let handle = FileHandle(fileDescriptor: far, closeOnDealloc: false)
      process.executableURL = Command.executable
      // Only keys and signals make it draw again.
      process.arguments = ["top", "--interval", "3600"]
      process.environment = ["SLUICE_ADMIN": fixture.url, "TERM": term]
      process.standardInput = handle
      process.standardOutput = handle
      process.standardError = handle
      try process.run()
    }

    deinit {
      if process.isRunning { process.terminate() }
      close(near)
      close(far)
    }

    func resize(_ columns: UInt16, _ rows: UInt16) {
      var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
      #expect(ioctl(near, UInt(TIOCSWINSZ), &size) == 0)
    }

    func type(_ keys: String) {
      let bytes = Array(keys.utf8)
      #expect(write(near, bytes, bytes.count) == bytes.count)
    }

    /// Reads on until `part` has come, and returns what came up to there.
    func read(until part: String) throws -> String {
      while true {
        if let found = text.range(of: part) {
          let before = String(text[..<found.upperBound])
          text.removeSubrange(..<found.upperBound)
          return before
        }
        var wait = pollfd(fd: near, events: Int16(POLLIN), revents: 0)
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let count =
          poll(&wait, 1, 30_000) > 0 ? Glibc.read(near, &bytes, bytes.count) : -1
        guard count > 0 else { throw Command.Failure(description: "no '\(part)' in '\(text)'") }
        text += String(decoding: bytes[..<count], as: UTF8.self)
      }
    }

    var settings: termios {
      var settings = termios()
      tcgetattr(far, &settings)
      return settings
    }
  }

  private static let end = "\u{1B}[J"

  @Test func keysChangeWhatIsShownAndQEndsIt() throws {
    let fixture = try AdminFixture()
    let client = try fixture.open()
    let id = try #require(try fixture.sessions(1).first?.id)
    let terminal = try Terminal(fixture, columns: 120, rows: 24)
    let first = try terminal.read(until: Self.end)
    #expect(first.contains("\u{1B}[?1049h") && first.contains("ROUTE") && !first.contains(id))
    #expect(first.contains("(now requests)"))
    #expect(terminal.settings.c_lflag & tcflag_t(ECHO | ICANON) == 0)
    terminal.type("s")
    #expect(try terminal.read(until: Self.end).contains("(now errors)"))
    terminal.type("\t")
    let sessions = try terminal.read(until: Self.end)
    #expect(sessions.contains(id) && sessions.contains("(now -messages)"))
    terminal.type("s")
    #expect(try terminal.read(until: Self.end).contains("(now -bytes)"))
    // An arrow is no escape.
    terminal.type("\u{1B}[A")
    #expect(try terminal.read(until: Self.end).contains("(now -bytes)"))
    terminal.type("q")
    let last = try terminal.read(until: "\u{1B}[?1049l")
    #expect(last.contains("\u{1B}[?25h"))
    terminal.process.waitUntilExit()
    #expect(terminal.process.terminationStatus == 0)
    #expect(terminal.settings.c_lflag & tcflag_t(ECHO | ICANON) == tcflag_t(ECHO | ICANON))
    withExtendedLifetime(client) {}
  }

  @Test func anotherSizeIsFilledAtOnce() throws {
    let fixture = try AdminFixture()
    let terminal = try Terminal(fixture, columns: 120, rows: 24)
    func widest(_ screen: String) -> Int {
      screen.components(separatedBy: "\r\n").map { line in
        line.replacing("\u{1B}[K", with: "").replacing("\u{1B}[H", with: "")
          .replacing("\u{1B}[?1049h", with: "").replacing("\u{1B}[?25l", with: "")
          .replacing(Self.end, with: "").count
      }.max() ?? 0
    }
    #expect(widest(try terminal.read(until: Self.end)) > 40)
    terminal.resize(40, 5)
    // The kernel tells whom the terminal controls, and this one controls nobody.
    kill(terminal.process.processIdentifier, SIGWINCH)
    let small = try terminal.read(until: Self.end)
    #expect(widest(small) <= 40)
    #expect(small.components(separatedBy: "\r\n").count == 5)
    terminal.process.terminate()
    _ = try terminal.read(until: "\u{1B}[?1049l")
    terminal.process.waitUntilExit()
    #expect(terminal.process.terminationReason == .exit)
  }

  @Test func aDumbTerminalGetsPlainText() throws {
    let fixture = try AdminFixture()
    let terminal = try Terminal(fixture, columns: 120, rows: 24, term: "dumb")
    let text = try terminal.read(until: "STATE")
    #expect(text.contains("ROUTE") && !text.contains("\u{1B}"))
    terminal.process.waitUntilExit()
    #expect(terminal.process.terminationStatus == 0)
  }
}
