import Glibc
import Synchronization
import Testing

@testable import SluiceReactor

/// Never, for a test: on a busy machine a minute is not enough to be sure.
private let hour: Int64 = 3_600_000_000_000

private func addresses(_ texts: String...) -> NameResolver.Outcome {
  .success(texts.compactMap { SocketAddress($0) })
}

extension NameResolver {
  fileprivate func outcome(_ name: String, port: UInt16 = 80) async -> Outcome {
    await withCheckedContinuation { continuation in
      resolve(name, port: port) { continuation.resume(returning: $0) }
    }
  }
}

/// A look-up that tells its name when it begins and then waits to be released.
private final class HeldLookUp: Sendable {
  let began: AsyncStream<String>
  private let begin: AsyncStream<String>.Continuation
  private let released = Semaphore()
  let calls = Mutex<[String]>([])

  init() { (began, begin) = AsyncStream.makeStream() }

  func release() { released.post() }

  var lookUp: NameResolver.LookUp {
    { name in
      self.calls.withLock { $0.append(name) }
      self.begin.yield(name)
      self.released.wait()
      return addresses("10.0.0.1:0")
    }
  }
}

@Suite struct NameResolverTests {
  private static let noLookUp: NameResolver.LookUp = { name in
    Issue.record("\(name) must not be looked up")
    return .success([])
  }

  @Test(arguments: [
    ("1.2.3.4", "1.2.3.4:80"), ("::1", "[::1]:80"), ("[::1]", "[::1]:80"),
    ("fe80::1%3", "[fe80::1%3]:80"), ("::ffff:1.2.3.4", "1.2.3.4:80"),
  ])
  func literalsAreAnsweredAtOnce(name: String, address: String) {
    let resolver = NameResolver(timeoutNanoseconds: hour, lookUp: Self.noLookUp)
    let answer = Mutex<NameResolver.Outcome?>(nil)
    resolver.resolve(name, port: 80) { outcome in answer.withLock { $0 = outcome } }
    #expect(answer.withLock { $0 } == addresses(address))
  }

  @Test(arguments: [
    "", ".", "a..b", ".a", "a b", "a/b", "a:80", "a\0b", "127.1", "2130706433", "0x7f000001",
    "0x7f.1", "1.2.3.4.", "1.2.3.256", "[::1", "::g", String(repeating: "a", count: 64),
    String(repeating: "a.", count: 128), "b\u{fc}cher.example",
  ])
  func impossibleNamesAreRefusedAtOnce(name: String) {
    let resolver = NameResolver(timeoutNanoseconds: hour, lookUp: Self.noLookUp)
    let answer = Mutex<NameResolver.Outcome?>(nil)
    resolver.resolve(name, port: 80) { outcome in answer.withLock { $0 = outcome } }
    guard case .failure(let error) = answer.withLock({ $0 }) else {
      Issue.record("\(name) got through")
      return
    }
    #expect(error.kind == .notFound)
  }

  @Test func theStaticTableComesFirst() async {
    let resolver = NameResolver(
      hosts: ["Api.Example": ["10.0.0.1", "::1", "10.0.0.1"], "none.example": []],
      timeoutNanoseconds: hour, lookUp: Self.noLookUp)
    #expect(await resolver.outcome("api.example") == addresses("10.0.0.1:80", "[::1]:80"))
    #expect(await resolver.outcome("API.example.", port: 9) == addresses("10.0.0.1:9", "[::1]:9"))
    guard case .failure = await resolver.outcome("none.example") else {
      Issue.record("no addresses are a failure")
      return
    }
    resolver.update(hosts: ["api.example": ["10.0.0.2"]], timeoutNanoseconds: hour)
    #expect(await resolver.outcome("api.example") == addresses("10.0.0.2:80"))
  }

  @Test func theSystemKnowsLocalhostAndNoInvalidName() async throws {
    let resolver = NameResolver(timeoutNanoseconds: hour)
    let found = try await resolver.outcome("localhost", port: 8080).get()
    #expect(!found.isEmpty)
    #expect(found.allSatisfy { $0.isLoopback && $0.port == 8080 })
    #expect(Set(found).count == found.count)
    // RFC 6761: never exists. Without a network the answer is `temporary`.
    guard case .failure(let error) = await resolver.outcome("sluice.invalid") else {
      Issue.record("sluice.invalid was found")
      return
    }
    #expect([.notFound, .temporary].contains(error.kind))
    #expect(!error.text.isEmpty)
  }

  @Test func libraryErrorsKeepTheirMeaning() {
    // EAI_NONAME, EAI_NODATA, EAI_AGAIN, EAI_MEMORY, EAI_FAIL and EAI_SYSTEM, as in netdb.h.
    let kinds: [(Int32, Int32, NameResolutionError.Kind)] = [
      (-2, 0, .notFound), (-5, 0, .notFound), (-3, 0, .temporary), (-10, 0, .temporary),
      (-4, 0, .failed), (-11, EMFILE, .temporary), (-11, EACCES, .failed),
    ]
    for (status, code, kind) in kinds {
      let error = NameResolver.systemError(status, errno: code)
      #expect(error.kind == kind)
      #expect(!error.text.isEmpty)
    }
  }

  @Test func concurrentLookUpsOfOneNameAreOne() async {
    let held = HeldLookUp()
    let resolver = NameResolver(timeoutNanoseconds: hour, lookUp: held.lookUp)
    let (answers, answer) = AsyncStream<NameResolver.Outcome>.makeStream()
    resolver.resolve("a.example", port: 1) { answer.yield($0) }
    var began = held.began.makeAsyncIterator()
    #expect(await began.next() == "a.example")
    resolver.resolve("A.example", port: 2) { answer.yield($0) }
    // Another name isn't held up.
    resolver.resolve("b.example", port: 3) { answer.yield($0) }
    #expect(await began.next() == "b.example")
    held.release()
    held.release()
    var got: Set<NameResolver.Outcome> = []
    for await outcome in answers.prefix(3) { got.insert(outcome) }
    #expect(
      got == [addresses("10.0.0.1:1"), addresses("10.0.0.1:2"), addresses("10.0.0.1:3")])
    #expect(held.calls.withLock { $0 } == ["a.example", "b.example"])
  }

  @Test func aHangingLookUpTimesOutAndItsThreadComesBack() async {
    let held = HeldLookUp()
    let resolver = NameResolver(timeoutNanoseconds: 1, threads: 1, lookUp: held.lookUp)
    guard case .failure(let error) = await resolver.outcome("hangs.example") else {
      Issue.record("nobody released it")
      return
    }
    #expect(error.kind == .timedOut)
    // Whether the thread had begun before the time was up or begins now: it hangs once.
    resolver.update(hosts: [:], timeoutNanoseconds: hour)
    let (answers, answer) = AsyncStream<NameResolver.Outcome>.makeStream()
    resolver.resolve("hangs.example", port: 7) { answer.yield($0) }
    resolver.resolve("queued.example", port: 8) { answer.yield($0) }
    var began = held.began.makeAsyncIterator()
    var answered = answers.makeAsyncIterator()
    #expect(await began.next() == "hangs.example")
    held.release()
    #expect(await answered.next() == addresses("10.0.0.1:7"))
    #expect(await began.next() == "queued.example")
    held.release()
    #expect(await answered.next() == addresses("10.0.0.1:8"))
  }

  @Test func timeoutsComeEvenWhenAllThreadsHang() async {
    let held = HeldLookUp()
    let resolver = NameResolver(timeoutNanoseconds: hour, threads: 2, lookUp: held.lookUp)
    var began = held.began.makeAsyncIterator()
    for name in ["a.example", "b.example"] {
      resolver.resolve(name, port: 1) { _ in }
      #expect(await began.next() == name)
    }
    // The watch thread sleeps for a minute by now, and must notice the earlier deadline.
    resolver.update(hosts: [:], timeoutNanoseconds: 1)
    let outcome = await resolver.outcome("c.example")
    #expect(outcome == .failure(NameResolutionError(kind: .timedOut, text: "no answer in time")))
    #expect(held.calls.withLock { $0 } == ["a.example", "b.example"])
    held.release()
    held.release()
  }
}

@Suite struct NameLookUpStateMachineTests {
  private func at(_ nanoseconds: Int64) -> MonotonicTime { MonotonicTime(nanoseconds: nanoseconds) }

  @Test func namesAreTakenInOrderAndOnce() {
    var machine = NameLookUpStateMachine<Int>()
    let submitted = [
      machine.submit("a", waiter: 1, deadline: at(10)),
      machine.submit("b", waiter: 2, deadline: at(20)),
      machine.submit("a", waiter: 3, deadline: at(5)),
    ]
    #expect(submitted == [true, true, false])
    #expect(machine.nextDeadline == at(5))
    #expect(machine.takeNext() == "a")
    let joinsRunning = machine.submit("a", waiter: 4, deadline: at(30))
    #expect(!joinsRunning)
    #expect(machine.takeNext() == "b")
    #expect(machine.takeNext() == nil)
    #expect(machine.finished("a") == [1, 3, 4])
    #expect(machine.finished("a") == [])
    #expect(machine.finished("b") == [2])
    #expect(machine.nextDeadline == nil)
    #expect(machine.count == 0)
  }

  @Test func waitersExpireEachAtItsOwnDeadline() {
    var machine = NameLookUpStateMachine<Int>()
    _ = machine.submit("a", waiter: 1, deadline: at(10))
    _ = machine.submit("a", waiter: 2, deadline: at(20))
    #expect(machine.takeNext() == "a")
    #expect(machine.expire(now: at(9)) == [])
    #expect(machine.expire(now: at(10)) == [1])
    #expect(machine.expire(now: at(10)) == [])
    #expect(machine.finished("a") == [2])
  }

  @Test func aNameNobodyWaitsForLeavesTheQueueButARunningOneStays() {
    var machine = NameLookUpStateMachine<Int>()
    _ = machine.submit("running", waiter: 1, deadline: at(10))
    #expect(machine.takeNext() == "running")
    _ = machine.submit("queued", waiter: 2, deadline: at(10))
    #expect(Set(machine.expire(now: at(10))) == [1, 2])
    #expect(machine.count == 1)
    #expect(machine.takeNext() == nil)
    let queuesAgain = machine.submit("queued", waiter: 3, deadline: at(20))
    let joins = machine.submit("running", waiter: 4, deadline: at(20))
    #expect(queuesAgain && !joins)
    #expect(machine.finished("running") == [4])
    #expect(machine.takeNext() == "queued")
  }
}
