import SluiceReactor
import Testing

@testable import SluiceControl

@Suite struct StopRequestsTests {
  private let limit = StopRequests.repetitionNanoseconds

  private func time(_ nanoseconds: Int64) -> MonotonicTime {
    MonotonicTime(nanoseconds: 1_000_000_000_000 + nanoseconds)
  }

  @Test func theFirstBeginsADrain() {
    let requests = StopRequests()
    #expect(requests.meaning(at: time(0), isStopping: false) == .begin)
    // Nothing is known of what began it.
    #expect(requests.meaning(at: time(0), isStopping: true) == .begin)
  }

  @Test func anotherOneIsTheSameForAMomentOnly() {
    var requests = StopRequests()
    requests.hasBegun(at: time(0))
    #expect(requests.meaning(at: time(0), isStopping: true) == .repetition)
    #expect(requests.meaning(at: time(limit - 1), isStopping: true) == .repetition)
    #expect(requests.meaning(at: time(limit), isStopping: true) == .endAtOnce)
  }

  @Test func afterADrainThatWasTakenBackItIsTheFirst() {
    var requests = StopRequests()
    requests.hasBegun(at: time(0))
    #expect(requests.meaning(at: time(limit), isStopping: false) == .begin)
    requests.hasBegun(at: time(limit))
    #expect(requests.meaning(at: time(limit + 1), isStopping: true) == .repetition)
  }
}
