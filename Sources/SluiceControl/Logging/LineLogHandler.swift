public import Glibc
public import Logging

/// Writes `time level message key=value …`, a line per event, to standard error.
///
/// For lifecycle events: rare, so each line is one write. Values with spaces, quotes or controls are
/// quoted, so that a line stays a line.
public struct LineLogHandler: LogHandler {
  public var metadata: Logger.Metadata = [:]
  public var logLevel = Logger.Level.info
  private let write: @Sendable (String) -> Void
  private let now: @Sendable () -> timespec

  public init(
    write: @escaping @Sendable (String) -> Void = Self.writeToStandardError,
    now: @escaping @Sendable () -> timespec = Self.realTime
  ) {
    self.write = write
    self.now = now
  }

  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  public func log(event: LogEvent) {
    let own = metadata.merging(event.metadata ?? [:]) { $1 }
    write(Self.line(time: now(), level: event.level, message: "\(event.message)", metadata: own))
  }

  /// The line without the logger, by which the format is tested.
  static func line(
    time: timespec, level: Logger.Level, message: String, metadata: Logger.Metadata
  ) -> String {
    var line = "\(timestamp(time)) \(level.rawValue) \(message)"
    for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
      line += " \(key)=\(quoted("\(value)"))"
    }
    return line + "\n"
  }

  private static func timestamp(_ time: timespec) -> String {
    var (seconds, parts) = (time.tv_sec, tm())
    gmtime_r(&seconds, &parts)
    var text = [CChar](repeating: 0, count: 32)
    strftime(&text, text.count, "%Y-%m-%dT%H:%M:%S", &parts)
    let milliseconds = String(1_000 + time.tv_nsec / 1_000_000).dropFirst()
    let stamp = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    return "\(String(decoding: stamp, as: UTF8.self)).\(milliseconds)Z"
  }

  private static func quoted(_ value: String) -> String {
    let isPlain =
      !value.isEmpty
      && value.unicodeScalars.allSatisfy {
        $0.value > 0x20 && $0.value != 0x7F && $0 != "\"" && $0 != "=" && $0 != "\\"
      }
    if isPlain { return value }
    var text = "\""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\"", "\\": text += "\\\(scalar)"
      case "\n": text += "\\n"
      case _ where scalar.value < 0x20 || scalar.value == 0x7F:
        text += "\\u{\(String(scalar.value, radix: 16))}"
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text + "\""
  }

  @Sendable public static func writeToStandardError(_ line: String) {
    var line = line
    line.withUTF8 { _ = Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
  }

  @Sendable public static func realTime() -> timespec {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return time
  }
}
