import SluiceConfiguration

/// Looks at the files of a configuration's TLS, for renewals that nobody announces. One `stat` for each
/// file and look; on the main thread.
struct TLSFileWatch: Sendable {
  /// Between two looks. What has changed is in force after two of them.
  static let interval = 2

  private var paths: Set<String>
  private var machine: FileWatchStateMachine

  init(_ configuration: Configuration) {
    paths = configuration.tlsFiles
    machine = FileWatchStateMachine(Self.look(at: paths))
  }

  /// Whether files of `configuration`, the one in force, should be read again.
  mutating func shouldRead(_ configuration: Configuration) -> Bool {
    let paths = configuration.tlsFiles
    if paths != self.paths {
      // Another configuration: its files were read when it came into force.
      self = Self(configuration)
      return false
    }
    return machine.shouldRead(Self.look(at: paths))
  }

  private static func look(at paths: Set<String>) -> FileWatchStateMachine.Look {
    var look: FileWatchStateMachine.Look = [:]
    for path in paths { look[path] = FileWatchStateMachine.Stamp(path) }
    return look
  }
}
