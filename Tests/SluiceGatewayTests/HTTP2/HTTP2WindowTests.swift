import SluiceReactor
import SluiceWire
import Testing

@testable import SluiceGateway

@Suite struct HTTP2WindowTests {
  private static let first = HTTP2Window.firstSize

  private func at(_ milliseconds: Int64) -> MonotonicTime {
    MonotonicTime(nanoseconds: milliseconds * 1_000_000)
  }

  // MARK: When it grows

  @Test func whoTakesTwoWindowsInASecondGetsALargerOne() {
    var window = HTTP2Window()
    #expect(window.take(2 * Self.first - 1, keepsUp: true, now: at(5_000)) == nil)
    #expect(window.take(1, keepsUp: true, now: at(6_000)) == 2 * Self.first)
  }

  @Test func whoTakesLongerDoesNot() {
    var window = HTTP2Window()
    #expect(window.take(2 * Self.first - 1, keepsUp: true, now: at(5_000)) == nil)
    #expect(window.take(1, keepsUp: true, now: at(6_001)) == nil)
    // The next two windows are counted anew.
    #expect(window.take(2 * Self.first, keepsUp: true, now: at(9_000)) == 2 * Self.first)
  }

  @Test func whoDoesNotKeepUpDoesNot() {
    var window = HTTP2Window()
    #expect(window.take(2 * Self.first - 1, keepsUp: true, now: at(0)) == nil)
    #expect(window.take(1, keepsUp: false, now: at(1)) == nil)
    #expect(window.take(2 * Self.first - 1, keepsUp: true, now: at(2)) == nil)
    #expect(window.take(1, keepsUp: true, now: at(2)) == 2 * Self.first)
  }

  @Test func itGrowsToItsBound() {
    var window = HTTP2Window()
    var sizes: [Int] = []
    for _ in 0..<100 {
      if let size = window.take(window.size, keepsUp: true, now: at(0)) {
        window.grow(to: size)
        sizes.append(size)
      }
    }
    #expect(sizes.map { $0 / Self.first } == [2, 4, 8, 16])
    #expect(window.size == HTTP2Window.largestSize)
    #expect(window.grown == HTTP2Window.largestSize - Self.first)
  }

  @Test func aBudgetIsNotOverdrawn() {
    let budget = HTTP2WindowBudget(10)
    let first = [budget.take(10), budget.take(1)]
    budget.giveBack(4)
    let second = [budget.take(5), budget.take(4)]
    #expect(first == [true, false] && second == [false, true] && budget.free == 0)
  }

  // MARK: With a session

  private func upload(
    _ memory: HTTP2Memory, _ id: Int, _ count: Int, end: Bool = false
  ) {
    var left = count
    while left > 0 {
      let size = min(16_384, left)
      left -= size
      memory.send(.data(id, [UInt8](repeating: 1, count: size), end: end && left == 0))
    }
  }

  /// What the caller may send now, over all that it has sent.
  private func allowed(_ memory: HTTP2Memory, _ id: Int) -> Int {
    memory.received[id].window + Self.first
  }

  private func memory(_ budget: HTTP2WindowBudget?) -> HTTP2Memory {
    let memory = HTTP2Memory()
    memory.session.windowBudget = budget
    return memory
  }

  @Test func anUploadThatIsTakenGetsALargerWindow() {
    let budget = HTTP2WindowBudget()
    let memory = memory(budget)
    memory.send(.headers(1, HTTP2Frame.request("POST"), end: false))
    var sent = 0
    while sent < 8 << 20 {
      upload(memory, 1, 32_768)
      sent += 32_768
    }
    #expect(memory.received.goAways.isEmpty)
    // What is open is the window, give or take what was not announced yet.
    let open = allowed(memory, 1) - sent
    #expect(open > HTTP2Window.largestSize / 2 && open <= HTTP2Window.largestSize)
    #expect(budget.free == HTTP2Limits.grownWindows - (HTTP2Window.largestSize - Self.first))
    upload(memory, 1, 1, end: true)
    memory.respond(1, 204, isEnd: true)
    memory.flush()
    #expect(memory.stream(1)?.closedWith == .noError)
    #expect(budget.free == HTTP2Limits.grownWindows)
    // The next one begins as this one did.
    memory.send(.headers(3, HTTP2Frame.request("POST"), end: false))
    upload(memory, 3, 1)
    #expect(memory.received[3].window == 0)
  }

  @Test(arguments: [nil, Self.first - 1])
  func withoutABudgetWindowsStayAsTheyAre(budget: Int?) {
    let memory = memory(budget.map { HTTP2WindowBudget($0) })
    memory.send(.headers(1, HTTP2Frame.request("POST"), end: false))
    for _ in 0..<100 { upload(memory, 1, 32_768) }
    #expect(allowed(memory, 1) - 100 * 32_768 <= Self.first)
    #expect(memory.received.goAways.isEmpty)
  }

  @Test func nobodyTakesMoreThanAConnectionMay() {
    let budget = HTTP2WindowBudget()
    let memory = memory(budget)
    let ids = stride(from: 1, to: 41, by: 2)
    for id in ids { memory.send(.headers(id, HTTP2Frame.request("POST"), end: false)) }
    for _ in 0..<64 { for id in ids { upload(memory, id, 65_536) } }
    #expect(memory.received.goAways.isEmpty)
    let taken = HTTP2Limits.grownWindows - budget.free
    #expect(taken > HTTP2Limits.grownConnectionWindows / 2)
    #expect(taken <= HTTP2Limits.grownConnectionWindows)
    memory.session.close()
    #expect(budget.free == HTTP2Limits.grownWindows)
  }

  /// Back-pressure: no more than the window it has comes to lie here, and it does not grow meanwhile.
  @Test func whatIsNotTakenHoldsItsSenderBack() {
    let budget = HTTP2WindowBudget()
    let memory = memory(budget)
    memory.session.takesBodies = false
    memory.send(.headers(1, HTTP2Frame.request("POST"), end: false))
    upload(memory, 1, Self.first)
    #expect(memory.received[1].window == 0)
    #expect(budget.free == HTTP2Limits.grownWindows)
    // Others of the connection are not held up.
    memory.session.takesBodies = true
    memory.send(.headers(3, HTTP2Frame.request("POST"), end: false))
    upload(memory, 3, Self.first)
    #expect(memory.received[3].window > 0)
    #expect(memory.received.goAways.isEmpty)
  }

  @Test func whoStopsTakingKeepsWhatWasPromisedAndNoMore() {
    let budget = HTTP2WindowBudget()
    let memory = memory(budget)
    memory.send(.headers(1, HTTP2Frame.request("POST"), end: false))
    var sent = 0
    while sent < 4 << 20 {
      upload(memory, 1, 32_768)
      sent += 32_768
    }
    let size = memory.stream(1)?.window.size ?? 0
    #expect(size == HTTP2Window.largestSize)
    memory.stream(1)?.takes = false
    // All that is open.
    upload(memory, 1, allowed(memory, 1) - sent)
    let before = memory.received[1].window
    memory.flush()
    #expect(memory.received[1].window == before)
    #expect(memory.received.goAways.isEmpty)
    // It is taken after all, and the window is open again.
    memory.stream(1)?.takes = true
    memory.stream(1)?.takeInput()
    memory.flush()
    #expect(memory.received[1].window > before)
    #expect(memory.stream(1)?.window.size == size)
  }

  /// What a stream that was reset drops is taken, but by nobody who keeps up.
  @Test func whoIsResetInMidBodyLeavesNothing() {
    let budget = HTTP2WindowBudget()
    let memory = memory(budget)
    for id in stride(from: 1, to: 21, by: 2) {
      memory.send(.headers(id, HTTP2Frame.request("POST"), end: false))
      upload(memory, id, Self.first + 1_024)
      memory.stream(Int32(id))?.takes = false
      upload(memory, id, Self.first - 1_024)
      memory.send(.reset(id, 8))
      #expect(memory.stream(Int32(id))?.closedWith == .cancel)
      #expect(memory.session.grownBytes == 0)
      #expect(budget.free == HTTP2Limits.grownWindows)
    }
    #expect(memory.received.goAways.isEmpty)
  }

  /// What outlives its stream is still in the budget.
  @Test func aBudgetIsGivenBackWhenTheLastByteIsTaken() {
    final class Keeping: HTTP2ServerStream {
      var takes = true
      override var takesBody: Bool { takes }
      override var keepsInput: Bool { true }
    }
    let budget = HTTP2WindowBudget(100)
    #expect(budget.take(60))
    do {
      let stream = Keeping(id: 1)
      var window = stream.window
      window.grow(to: Self.first + 60)
      stream.windowGrew(to: window.size, at: budget)
      stream.takes = false
      let bytes: [UInt8] = [1, 2, 3]
      stream.receive(bytes.span)
      stream.endInput(TrailerSection())
      stream.end(.noError)
      #expect(budget.free == 40)
      stream.takes = true
      stream.takeInput()
      #expect(budget.free == 100)
    }
    // And when nobody ever does.
    #expect(budget.take(60))
    do {
      let stream = Keeping(id: 1)
      stream.windowGrew(to: Self.first + 60, at: budget)
      stream.takes = false
      let bytes: [UInt8] = [1]
      stream.receive(bytes.span)
      stream.endInput(TrailerSection())
      stream.end(.noError)
      #expect(budget.free == 40)
    }
    #expect(budget.free == 100)
  }
}
