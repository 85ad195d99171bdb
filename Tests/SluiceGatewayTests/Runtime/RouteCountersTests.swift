import SluiceReactor
import Testing

@testable import SluiceGateway

/// What a route's report says of the exchanges that were counted.
@Suite struct RouteCountersTests {
  private func record(
    _ counters: RouteCounters, status: Int, milliseconds: Double, error: GatewayError? = nil,
    received: UInt64 = 0, sent: UInt64 = 0
  ) {
    var exchange = ExchangeRecord()
    exchange.started = MonotonicTime(nanoseconds: 1_000)
    exchange.received = received
    exchange.sent = sent
    exchange.error = error
    let now = exchange.started.advanced(byNanoseconds: Int64(milliseconds * 1_000_000))
    counters.record(exchange, status: status, now: now)
  }

  @Test func whatWasNeverUsedHasNothing() {
    let counters = RouteCounters()
    #expect(counters.buckets == [] && counters.durationNanoseconds == [] && counters.errors == [])
    #expect(counters.bytesReceived == 0 && counters.bytesSent == 0 && !counters.hasSessions)
  }

  @Test func classesAndBuckets() {
    let counters = RouteCounters()
    record(counters, status: 200, milliseconds: 0.5)
    record(counters, status: 204, milliseconds: 0.500_001)
    record(counters, status: 499, milliseconds: 10_000)
    record(counters, status: 599, milliseconds: 10_000.1)
    record(counters, status: 101, milliseconds: 0)
    var expected = [UInt64](repeating: 0, count: 5 * RouteCounters.bucketCount)
    expected[0] = 1
    expected[RouteCounters.bucketCount] = 1
    expected[RouteCounters.bucketCount + 1] = 1
    expected[3 * RouteCounters.bucketCount + 13] = 1
    expected[4 * RouteCounters.bucketCount + 14] = 1
    #expect(counters.buckets == expected)
    #expect(counters.durationNanoseconds == [0, 1_000_001, 0, 10_000_000_000, 10_000_100_000])
  }

  @Test func bytesAndErrorsAreSummedOverClasses() {
    let counters = RouteCounters()
    record(counters, status: 200, milliseconds: 1, received: 5, sent: 70)
    record(counters, status: 502, milliseconds: 1, error: .noRoute, received: 6, sent: 8)
    #expect(counters.bytesReceived == 11 && counters.bytesSent == 78)
    #expect(counters.errors.count == GatewayError.allCases.count)
    #expect(counters.errors[Int(GatewayError.noRoute.rawValue)] == 1)
    #expect(counters.errors.reduce(0, +) == 1)
  }

  /// A clock that the caller read a moment before the loop did must not wrap around.
  @Test func noDurationIsNegative() {
    let counters = RouteCounters()
    record(counters, status: 200, milliseconds: -1)
    #expect(counters.durationNanoseconds == [0, 0, 0, 0, 0] && counters.buckets[15] == 1)
  }
}
