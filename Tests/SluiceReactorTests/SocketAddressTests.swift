import CLinux
import Glibc
import SluiceReactor
import SluiceWire
import Testing

@Suite struct SocketAddressTests {
  private func text(_ append: (inout ByteBuffer) -> Void) -> String {
    var buffer = ByteBuffer()
    append(&buffer)
    return buffer.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
  }

  @Test(arguments: [
    ("1.2.3.4:80", "1.2.3.4:80", "1.2.3.4"),
    ("0.0.0.0:0", "0.0.0.0:0", "0.0.0.0"),
    ("255.255.255.255:65535", "255.255.255.255:65535", "255.255.255.255"),
    ("[::1]:80", "[::1]:80", "::1"),
    ("[::]:8080", "[::]:8080", "::"),
    ("[fe80::1%7]:443", "[fe80::1%7]:443", "fe80::1%7"),
    ("[fe80::1%lo]:443", "[fe80::1%1]:443", "fe80::1%1"),
    ("[::ffff:1.2.3.4]:80", "1.2.3.4:80", "1.2.3.4"),
    ("unix:/run/a.sock", "unix:/run/a.sock", "unix:/run/a.sock"),
    ("unix:@name", "unix:@name", "unix:@name"),
  ])
  func readsAndWrites(given: String, whole: String, host: String) throws {
    let address = try #require(SocketAddress(given))
    #expect(text { $0.append(address: address) } == whole)
    #expect(text { $0.append(hostOf: address) } == host)
    #expect(SocketAddress(whole) == address)
  }

  @Test(arguments: [
    "", ":", ":80", "1.2.3.4", "1.2.3.4:", "1.2.3.4:65536", "1.2.3.4:-1", "1.2.3.4:+80",
    "1.2.3.4: 80", "1.2.3:80", "1.2.3.4.5:80", "256.1.1.1:80", "01.2.3.4:80", "1..3.4:80",
    ".1.2.3.4:80", "1.2.3.4.:80", "0x7f.0.0.1:80", "::1:80", "[::1]", "[::1]80", "[::1:80",
    "::1]:80", "[1.2.3.4]:80", "[]:80", "[::1%]:80", "[::1%no-such-if]:80", "1.2.3.4%1:80",
    "localhost:80", "unix:", "unix:a\0b", "[[::1]]:80", "\u{661}.2.3.4:80",
  ])
  func refuses(text: String) { #expect(SocketAddress(text) == nil) }

  @Test func pathsFitTheKernelOrAreRefused() throws {
    let longest = "/" + String(repeating: "a", count: 106)
    let address = try #require(SocketAddress("unix:" + longest))
    address.withSockaddr { _, length in #expect(length == 110) }
    #expect(SocketAddress("unix:" + longest + "a") == nil)
  }

  @Test(arguments: [
    "1.2.3.4:80", "[2001:db8::7]:443", "[fe80::1%3]:1", "unix:/run/a.sock", "unix:@name",
  ])
  func survivesTheKernelsForm(text: String) throws {
    let address = try #require(SocketAddress(text))
    let copy = address.withSockaddr { SocketAddress($0, length: $1) }
    #expect(copy == address)
    #expect(copy?.hashValue == address.hashValue)
    // Every shorter length is refused, or is at most a shorter path; nothing reads behind it.
    address.withSockaddr { pointer, length in
      for short in 0..<length where !address.isUnix {
        #expect(SocketAddress(pointer, length: short) == nil)
      }
    }
  }

  @Test func theKernelAgrees() throws {
    for text in ["127.0.0.1:0", "unix:@sluice-address-test-\(getpid())"] {
      let wanted = try #require(SocketAddress(text))
      let descriptor = socket(wanted.family, Int32(SOCK_STREAM.rawValue), 0)
      defer { close(descriptor) }
      #expect(wanted.withSockaddr { bind(descriptor, $0, $1) } == 0)
      var storage = sockaddr_storage()
      var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
      let status = withUnsafeMutablePointer(to: &storage) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          getsockname(descriptor, $0, &length)
        }
      }
      #expect(status == 0)
      let bound = try #require(SocketAddress(storage: storage, length: length))
      #expect(bound.withPort(0) == wanted)
      #expect(bound.isUnix || bound.port != 0)
    }
  }

  @Test func anUnnamedUnixPeerHasAnEmptyPath() throws {
    var storage = sockaddr_storage()
    storage.ss_family = sa_family_t(AF_UNIX)
    let peer = try #require(SocketAddress(storage: storage, length: 2))
    #expect(peer.pathBytes == [])
    #expect(peer.description == "unix:")
    #expect(peer.ip == nil)
  }

  @Test func aMappedAddressIsTheIPv4Address() throws {
    var raw = sockaddr_in6()
    raw.sin6_family = sa_family_t(AF_INET6)
    raw.sin6_port = UInt16(80).bigEndian
    raw.sin6_scope_id = 2
    withUnsafeMutableBytes(of: &raw.sin6_addr) {
      $0.copyBytes(from: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 1, 2, 3, 4])
    }
    let address = withUnsafePointer(to: raw) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        SocketAddress($0, length: socklen_t(MemoryLayout<sockaddr_in6>.size))
      }
    }
    #expect(address == SocketAddress("1.2.3.4:80"))
    #expect(address?.family == AF_INET)
  }

  @Test func unixPeersAreInNoSet() throws {
    let set = try #require(CIDRSet(texts: ["0.0.0.0/0", "::/0"]))
    #expect(!set.contains(try #require(SocketAddress("unix:/a"))))
    #expect(set.contains(try #require(SocketAddress("[::1]:80"))))
  }
}
