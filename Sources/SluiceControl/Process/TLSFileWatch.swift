import SluiceConfiguration

/// Looks at the files of a configuration's TLS, for renewals that nobody announces. One `stat` for each
/// file and look.
struct TLSFileWatch: Sendable {
  /// Seconds between two looks. What has changed is in force after two of them.
  static let interval = 2

  private let paths: Set<String>
  private var machine: FileWatchStateMachine
  private var last: FileWatchStateMachine.Look

  /// To be made before the files are read: what changes while they are is seen later then.
  init(_ configuration: Configuration) {
    paths = configuration.tlsFiles
    last = Self.look(at: paths)
    machine = FileWatchStateMachine(last)
  }

  /// Whether the files should be read again; `wasRead` says how that went.
  mutating func shouldRead() -> Bool {
    last = Self.look(at: paths)
    return machine.shouldRead(last)
  }

  /// What `shouldRead` asked for is done.
  mutating func wasRead(succeeded: Bool) { machine.wasRead(last, succeeded: succeeded) }

  private static func look(at paths: Set<String>) -> FileWatchStateMachine.Look {
    var look: FileWatchStateMachine.Look = [:]
    for path in paths { look[path] = FileWatchStateMachine.Stamp(path) }
    return look
  }
}
