import CLinux
import Glibc

extension NameResolver {
  /// getaddrinfo: /etc/hosts, DNS and whatever else nsswitch.conf says. Blocks, for up to minutes
  /// where name servers are silent.
  ///
  /// Address families without a configured interface are left out (AI_ADDRCONFIG): every address
  /// becomes a target, and one that cannot be routed would fail its share of the traffic.
  public static let systemLookUp: LookUp = { name in
    var hints = addrinfo()
    hints.ai_family = AF_UNSPEC
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    hints.ai_flags = AI_ADDRCONFIG
    var list: UnsafeMutablePointer<addrinfo>?
    let status = getaddrinfo(name, nil, &hints, &list)
    let code = errno
    if status != 0 { return .failure(systemError(status, errno: code)) }
    defer { freeaddrinfo(list) }
    var addresses: [SocketAddress] = []
    var next = list
    while let item = next {
      if let raw = item.pointee.ai_addr,
        let address = SocketAddress(raw, length: item.pointee.ai_addrlen)
      {
        addresses.append(address)
      }
      next = item.pointee.ai_next
    }
    return .success(addresses)
  }

  static func systemError(_ status: Int32, errno code: Int32) -> NameResolutionError {
    let text: UnsafePointer<CChar>? =
      status == EAI_SYSTEM ? UnsafePointer(strerror(code)) : gai_strerror(status)
    let kind: NameResolutionError.Kind =
      switch status {
      case EAI_AGAIN, EAI_MEMORY: .temporary
      // Descriptors, memory or an interruption; they pass.
      case EAI_SYSTEM: [EMFILE, ENFILE, ENOMEM, EINTR].contains(code) ? .temporary : .failed
      case _ where clinux_is_name_without_address(status) != 0: .notFound
      default: .failed
      }
    return NameResolutionError(kind: kind, text: text.map { String(cString: $0) } ?? "unknown")
  }
}
