/// Why a body can't be read on. The connection that carries it must be closed.
public enum BodyError: UInt8, Error, CaseIterable {
  case truncated
  case invalidChunkSize, chunkSizeOverflow, chunkLineTooLong, chunkExtensionsTooLong
  case invalidChunkExtension, invalidChunkEnd
  case bareLineFeed, bareCarriageReturn
  case invalidTrailer, trailersTooLarge, tooManyTrailers

  /// A stable name for logs and documentation.
  public var code: StaticString { description.code }
  /// One sentence for a person.
  public var text: StaticString { description.text }

  private var description: (code: StaticString, text: StaticString) {
    switch self {
    case .truncated: ("body-truncated", "The connection ended before the body did.")
    case .invalidChunkSize: ("invalid-chunk-size", "A chunk size is not a hexadecimal number.")
    case .chunkSizeOverflow: ("chunk-size-overflow", "A chunk size is too large.")
    case .chunkLineTooLong: ("chunk-line-too-long", "A chunk's size line is too long.")
    case .chunkExtensionsTooLong:
      ("chunk-extensions-too-long", "The body's chunk extensions are too long.")
    case .invalidChunkExtension:
      ("invalid-chunk-extension", "A chunk extension contains a character that is not allowed.")
    case .invalidChunkEnd: ("invalid-chunk-end", "A chunk is not followed by a line end.")
    case .bareLineFeed:
      ("bare-line-feed-in-body", "A chunk line ends in a line feed without carriage return.")
    case .bareCarriageReturn:
      ("bare-carriage-return-in-body", "A carriage return in a chunk line has no line feed.")
    case .invalidTrailer: ("invalid-trailer", "A trailer field is malformed.")
    case .trailersTooLarge: ("trailers-too-large", "The trailer section exceeds its limit.")
    case .tooManyTrailers: ("too-many-trailers", "The trailer section has too many fields.")
    }
  }
}
