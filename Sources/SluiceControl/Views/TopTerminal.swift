import CLinux
import Glibc
import Synchronization

/// Runs `sluice top` on a terminal: asks, draws, listens to keys, and leaves the terminal as it was.
public struct TopTerminal {
  private let client: AdminClient
  private let intervalMilliseconds: Int32
  private var screen = TopScreen()

  /// Sessions that are asked for; more than fit on any screen.
  private static let sessions = 200

  public init(_ client: AdminClient, intervalMilliseconds: Int32) {
    self.client = client
    self.intervalMilliseconds = intervalMilliseconds
  }

  /// One picture of now, for output that is no terminal.
  public mutating func once() throws(AdminClient.Failure) -> String {
    screen.add(try client.sample(sort: screen.sessionOrder, limit: Self.sessions))
    var text = ""
    for view in [TopScreen.View.routes, .sessions] {
      screen.view = view
      // Without the line about keys and the empty one before it.
      text += screen.lines(width: .max, height: .max).dropLast(2).map { $0 + "\n" }.joined() + "\n"
    }
    return text
  }

  /// Whether somebody sits in front of it who can see what is drawn.
  public static var isInteractive: Bool {
    let isDumb = getenv("TERM").map { String(cString: $0) == "dumb" } ?? false
    return isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1 && !isDumb
  }

  /// Until a key or a signal ends it. Throws when the gateway can't be reached at the beginning; what
  /// fails later is shown and asked again.
  public mutating func run() throws(AdminClient.Failure) {
    screen.add(try client.sample(sort: screen.sessionOrder, limit: Self.sessions))
    guard let terminal = RawTerminal() else { return }
    defer { terminal.restore() }
    while true {
      draw()
      if !listen() || RawTerminal.isEnding { return }
    }
  }

  private func draw() {
    var size = winsize()
    if ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) != 0 || size.ws_col == 0 {
      size.ws_col = 80
      size.ws_row = 24
    }
    let lines = screen.lines(width: Int(size.ws_col), height: Int(size.ws_row))
    // Each line clears what stood behind it, so nothing flickers.
    RawTerminal.write(
      "\u{1B}[H" + lines.map { $0 + "\u{1B}[K" }.joined(separator: "\r\n") + "\u{1B}[J")
  }

  /// Waits for keys, another size of the terminal, or the next sample's time; false to end.
  private mutating func listen() -> Bool {
    var waits = [
      pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0),
      pollfd(fd: RawTerminal.signals, events: Int16(POLLIN), revents: 0),
    ]
    let ready = poll(&waits, 2, intervalMilliseconds)
    if ready < 0 { return errno == EINTR }
    if waits[1].revents != 0 {
      // Another size, or the end.
      RawTerminal.forgetSignals()
      return true
    }
    if ready > 0 {
      let order = screen.sessionOrder
      var bytes = [UInt8](repeating: 0, count: 64)
      let count = read(STDIN_FILENO, &bytes, bytes.count)
      if count < 0 { return errno == EINTR }
      if count == 0 || !screen.keys(bytes[..<count]) { return false }
      if screen.sessionOrder == order { return true }
    }
    do throws(AdminClient.Failure) {
      screen.add(try client.sample(sort: screen.sessionOrder, limit: Self.sessions))
    } catch {
      screen.complaint = "\(error)".split(separator: "\n").first.map(String.init)
    }
    return true
  }
}

/// The terminal without line editing, on its second screen.
private struct RawTerminal {
  private static let signalled = Atomic(false)
  /// SIGTERM or SIGHUP came.
  static var isEnding: Bool { signalled.load(ordering: .relaxed) }
  private static let readEnd = Atomic<Int32>(-1)
  private static let writeEnd = Atomic<Int32>(-1)
  /// Readable after a signal, so that none is missed which comes shortly before the wait; -1 before.
  static var signals: Int32 { readEnd.load(ordering: .relaxed) }

  static func forgetSignals() {
    var bytes = [UInt8](repeating: 0, count: 64)
    _ = read(signals, &bytes, bytes.count)
  }

  /// In a signal's handler: only what is safe there.
  private static func wake() {
    var byte: UInt8 = 0
    _ = Glibc.write(writeEnd.load(ordering: .relaxed), &byte, 1)
  }

  private let former: termios

  init?() {
    var settings = termios()
    guard tcgetattr(STDIN_FILENO, &settings) == 0 else { return nil }
    former = settings
    cfmakeraw(&settings)
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0, tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings) == 0 else { return nil }
    // A full pipe must not stop a handler.
    for end in ends { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
    Self.readEnd.store(ends[0], ordering: .relaxed)
    Self.writeEnd.store(ends[1], ordering: .relaxed)
    for number in [SIGTERM, SIGHUP] {
      signal(number) { _ in
        RawTerminal.signalled.store(true, ordering: .relaxed)
        RawTerminal.wake()
      }
    }
    signal(SIGWINCH) { _ in RawTerminal.wake() }
    // Whoever started this may have held them back.
    var heard = sigset_t()
    sigemptyset(&heard)
    for number in [SIGTERM, SIGHUP, SIGWINCH] { sigaddset(&heard, number) }
    sigprocmask(SIG_UNBLOCK, &heard, nil)
    Self.write("\u{1B}[?1049h\u{1B}[?25l")
  }

  func restore() {
    Self.write("\u{1B}[?25h\u{1B}[?1049l")
    var settings = former
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings)
  }

  static func write(_ text: String) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      if count <= 0 { return }
      rest = rest.dropFirst(count)
    }
  }
}
