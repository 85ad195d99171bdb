import Glibc
import SluiceConfiguration
import SluiceReactor

/// The listening sockets in use and the listener behind each, kept from one configuration to the
/// next.
///
/// A socket belongs to its address, not to a listener's name: a listener that is renamed, or two
/// that swap their addresses, go on accepting without a pause. Only a port that the kernel chose
/// stays with the name.
struct BoundListeners: Sendable {
  struct Wanted: Sendable {
    let name: String
    /// As the router counts listeners; -1 for a responder's.
    let index: Int
    let settings: Configuration.Listener
    let destination: ListenerSpecification.Destination
    let tls: TLSServerContext?
  }

  private struct Socket: Sendable {
    let id: Int
    let name: String
    let requested: SocketAddress
    let local: SocketAddress
  }

  private var sockets: [Socket] = []
  private var nextID = 0
  /// Where released listeners were: a port that the kernel chose is asked for again.
  private var former: [String: SocketAddress] = [:]

  /// Where a listener is bound; the port is the kernel's choice when the configuration says 0.
  func address(of name: String) -> SocketAddress? { sockets.first { $0.name == name }?.local }

  /// The workers have closed these listeners' sockets; the next change opens them anew.
  mutating func release(_ names: Set<String>) {
    for socket in sockets where names.contains(socket.name) { former[socket.name] = socket.local }
    sockets.removeAll { names.contains($0.name) }
  }

  /// Opens what is new, a socket for every worker, and says what the workers have to change. On
  /// failure what was opened is closed again, and nothing has changed.
  mutating func change(
    to wanted: [Wanted], workers: Int
  ) throws(Gateway.StartError) -> [ListenerSpecification] {
    var (addresses, kept) = try claims(wanted)
    var opened: [Int: [Int32]] = [:]
    do throws(Gateway.StartError) {
      for (place, listener) in wanted.enumerated() where kept[place] == nil {
        let isChosen = !addresses[place].isUnix && addresses[place].port == 0
        let address = isChosen ? former[listener.name] ?? addresses[place] : addresses[place]
        let descriptors = try Self.open(listener, address, count: workers)
        opened[place] = descriptors
        guard let local = Sockets.localAddress(of: descriptors[0]) else {
          throw .address(name: listener.name, text: listener.settings.address)
        }
        kept[place] = Socket(
          id: nextID + opened.count, name: listener.name, requested: addresses[place], local: local)
      }
    } catch {
      for descriptor in opened.values.joined() { close(descriptor) }
      throw error
    }
    nextID += opened.count
    former = [:]
    sockets = kept.compactMap(\.self)
    return zip(wanted, sockets).enumerated().map { place, pair in
      let (listener, socket) = pair
      return ListenerSpecification(
        name: listener.name, socket: socket.id, index: listener.index,
        settings: listener.settings, port: socket.local.port, isShared: socket.local.isUnix,
        destination: listener.destination, tls: listener.tls, descriptors: opened[place])
    }
  }

  /// The wanted addresses, and which of the sockets each of them keeps.
  private func claims(
    _ wanted: [Wanted]
  ) throws(Gateway.StartError) -> (addresses: [SocketAddress], kept: [Socket?]) {
    var free = sockets
    var addresses: [SocketAddress] = []
    var kept: [Socket?] = []
    func claim(_ place: Int, _ isRight: (Socket) -> Bool) {
      guard kept[place] == nil, let index = free.firstIndex(where: isRight) else { return }
      let socket = free.remove(at: index)
      kept[place] = Socket(
        id: socket.id, name: wanted[place].name, requested: addresses[place], local: socket.local)
    }
    for (place, listener) in wanted.enumerated() {
      guard let address = SocketAddress(listener.settings.address) else {
        throw .address(name: listener.name, text: listener.settings.address)
      }
      addresses.append(address)
      kept.append(nil)
      claim(place) { $0.requested == address && $0.name == listener.name }
    }
    for (place, address) in addresses.enumerated() where address.isUnix || address.port != 0 {
      claim(place) { $0.requested == address || $0.local == address }
    }
    return (addresses, kept)
  }

  private static func open(
    _ listener: Wanted, _ address: SocketAddress, count: Int
  ) throws(Gateway.StartError) -> [Int32] {
    do throws(SystemError) {
      return try Sockets.listen(on: address, count: count)
    } catch {
      throw .listen(name: listener.name, address: listener.settings.address, error: error)
    }
  }
}
