import SluiceWire

/// Makes the stocks service's quotes: a few symbols in turn, each on a small random walk.
struct QuoteSource {
  /// Prices in cents.
  private var prices: [(symbol: StaticString, cents: Int)] = [
    ("AAPL", 17_050), ("MSFT", 41_230), ("NVDA", 90_475), ("AMZN", 18_120),
  ]
  private var next = 0

  /// A text frame like `{"symbol":"AAPL","price":170.50}`.
  mutating func appendFrame(to output: inout ByteBuffer) {
    let (symbol, cents) = prices[next]
    prices[next].cents = max(100, cents + Int.random(in: -75...75))
    next = (next + 1) % prices.count
    var text = ByteBuffer(capacity: 48)
    text.append("{\"symbol\":\"")
    text.append(symbol)
    text.append("\",\"price\":")
    text.append(decimal: UInt64(cents / 100))
    text.append(".")
    text.append(UInt8(48 + cents / 10 % 10))
    text.append(UInt8(48 + cents % 10))
    text.append("}")
    output.appendWebSocketFrame(.text, text.span)
  }
}
