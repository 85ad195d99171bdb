import Glibc
import SluiceWire

/// Bytes that the kernel sends from where they are stored.
extension StreamConnection {
  /// Writes a part of a piece behind everything written here before; only while `canSplice`. What the
  /// kernel does not take is copied into the backlog, so a caller that keeps `highWater` in mind may
  /// forget the piece. False when the piece can't be read: then the bytes are missing.
  ///
  /// One system call more than for bytes when something is staged, and less work from some 12 KiB on.
  public final func write(_ piece: MemoryFilePiece, _ range: Range<Int>) -> Bool {
    precondition(canSplice || isClosed)
    if loop.stage.isLast(self) {
      // Not in a packet of its own.
      loop.stage.flushLast { sendBytes($0.span, hasMore: true) }
    } else {
      flushStage()
    }
    if isClosed { return true }
    let sent = backlog == 0 && isWritable ? transmit(piece, range) : 0
    return sent == range.count
      || piece.read((range.lowerBound &+ sent)..<range.upperBound, into: &outbound)
  }

  /// Returns how many bytes the kernel took; `isWritable` is false when these are not all.
  private func transmit(_ piece: MemoryFilePiece, _ range: Range<Int>) -> Int {
    var sent = 0
    while sent < range.count {
      let count = piece.send((range.lowerBound &+ sent)..<range.upperBound, to: descriptor)
      if count > 0 {
        sent &+= count
      } else if count == 0 || errno != EINTR {
        // A short count alone does not say that the socket is full: only then an edge comes.
        isWritable = false
        break
      }
    }
    return sent
  }
}
