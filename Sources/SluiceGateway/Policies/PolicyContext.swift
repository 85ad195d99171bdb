public import SluiceConfiguration
import SluiceReactor

/// What a policy may use when it is compiled.
///
/// Belongs to one worker's thread, as what is compiled does.
public final class PolicyContext {
  /// Where the settings come from; names what must be kept apart, such as counters.
  public let origin: PolicyOrigin
  /// What the same place compiled to before the reload, whatever its settings were.
  public let former: CompiledPolicy?
  let consumers: ConsumerDirectory
  let worker: Worker
  /// Of the snapshot that is being made.
  let services: [String: UpstreamService]

  init(
    origin: PolicyOrigin, former: CompiledPolicy?, consumers: ConsumerDirectory, worker: Worker,
    services: [String: UpstreamService]
  ) {
    self.origin = origin
    self.former = former
    self.consumers = consumers
    self.worker = worker
    self.services = services
  }

  /// Something that all workers share and that survives reloads: whoever asks first makes it. It stays
  /// while anybody holds it, and for one reload more.
  ///
  /// `name` tells apart what one place needs; the place itself is part of the key.
  public func shared<Object: AnyObject & Sendable>(
    _ name: String, _ make: () -> Object
  ) -> Object {
    worker.stores.object(StoreKey(origin: origin, name: name), make)
  }

  /// The same for what several places share: whoever asks for this name gets this object.
  public func sharedByPlaces<Object: AnyObject & Sendable>(
    _ name: String, _ make: () -> Object
  ) -> Object {
    worker.stores.object(StoreKey(origin: nil, name: name), make)
  }
}

extension PolicyContext {
  /// One for the whole process, whatever place asks.
  var passwordThread: PasswordThread {
    worker.stores.object(StoreKey(origin: .everything, name: "password-thread")) {
      PasswordThread()
    }
  }
}

struct StoreKey: Hashable, Sendable {
  /// Nil for what places share.
  var origin: PolicyOrigin?
  var name: String
}

/// What policies of all workers share; touched when configurations are put in force only.
final class PolicyStores: Sendable {
  private struct Entry {
    weak var object: (any AnyObject & Sendable)?
    /// Keeps an object over the moment in which no snapshot holds it.
    var kept: (any AnyObject & Sendable)?
    var isAskedFor = true
  }

  private let entries = Locked<[StoreKey: Entry]>([:])
  let logs: LogOutputs

  init(logs: LogOutputs = LogOutputs()) { self.logs = logs }

  func object<Object: AnyObject & Sendable>(_ key: StoreKey, _ make: () -> Object) -> Object {
    entries.withLock { entries in
      let object = entries[key]?.object as? Object ?? make()
      entries[key] = Entry(object: object, kept: object)
      return object
    }
  }

  /// Before a reload to `configuration`: what nobody has asked for since the last one stays only while
  /// it is used, or may be asked for yet. Policies of some callers are compiled when the first of them
  /// comes, and until then what was counted for them must not be lost.
  func sweep(for configuration: Configuration) {
    let places = Set(configuration.everyPolicy.map(\.origin).filter(\.dependsOnCaller))
    entries.withLock { entries in
      for (key, entry) in entries {
        // What places share may be one of theirs.
        let isAwaited = key.origin.map { places.contains($0) } ?? !places.isEmpty
        if entry.isAskedFor {
          entries[key]?.isAskedFor = false
        } else if !isAwaited {
          entries[key]?.kept = nil
          if entries[key]?.object == nil { entries[key] = nil }
        }
      }
    }
  }
}
