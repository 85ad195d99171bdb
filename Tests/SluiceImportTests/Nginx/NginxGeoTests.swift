import SluiceConfiguration
import SluiceWire
import Testing

@testable import SluiceImport

/// `geo`: networks and ranges of addresses.
@Suite struct NginxGeoTests {
  private func convert(_ geo: String, files: [String: String] = [:]) -> Conversion {
    let text = """
      events {} http { \(geo) server { listen 80;
      location / { proxy_pass http://a; proxy_set_header X-Place $place; } } }
      """
    return NginxConverter.convert(text, file: "f") { name in
      files[name].map { .success([IncludedFile(name: name, text: $0)]) }
        ?? .failure(IncludeProblem("there is no such file"))
    }
  }

  private func variable(
    _ geo: String, files: [String: String] = [:]
  ) throws -> Configuration.Variable {
    let conversion = convert(geo, files: files)
    #expect(!conversion.hasErrors, "\(conversion.diagnostics)")
    let result = ConfigurationReader.read(contentsOf: conversion.yaml().text, file: "y")
    let configuration = try #require(result.configuration, "\(result.diagnostics)")
    return try #require(configuration.variables["place"])
  }

  @Test func networksAreRanges() throws {
    let place = try variable(
      """
      geo $place { default far; proxy 10.0.0.1; proxy_recursive; 192.0.2.0/24 a; 192.0.2.77/24 b;
      198.51.100.0/24 gone; 203.0.113.9 one; delete 198.51.100.0/24; include more; }
      """, files: ["more": "2001:db8::/32 six; 10.0.0.0/8 lan;"])
    #expect(place.otherwise == "far" && place.address == nil)
    #expect(place.proxies == ["10.0.0.1"] && place.recursive)
    // Bits behind the prefix mean nothing, and the last one counts.
    #expect(
      place.ranges == [
        "192.0.2.0/24": "b", "203.0.113.9": "one", "2001:db8::/32": "six", "10.0.0.0/8": "lan",
      ])
    #expect(try variable("geo $http_x_ip $place { }").address == "${request.headers.x-ip}")
  }

  @Test(arguments: [
    ("geo $place { 10.0.0.0/33 a; }", "is no network"),
    ("geo $place { nowhere a; }", "is no network"),
    ("geo $place { ranges; 10.0.0.9-10.0.0.1 a; }", "is no range of IPv4 addresses"),
    ("geo $place { ranges; 10.0.0.1-10.0.0.2-10.0.0.3 a; }", "is no range of IPv4 addresses"),
    ("geo $place { ranges; ::1-::2 a; }", "is no range of IPv4 addresses"),
    ("geo $place { 10.0.0.0/8 a; ranges; }", "comes before all networks"),
    ("geo $place { 10.0.0.0/8 $remote_addr; }", "a range and a text"),
    ("geo $nothing $place { }", "$nothing is not known"),
    ("geo $place { include none; }", "can't be included"),
    ("geo $place { ranges; 10.0.0.0/8 a; }", "is no range of IPv4 addresses"),
    ("geo $place { ::/0 a; }", "with the addresses of IPv4 in it"),
    ("geo $place { ::ffff:10.0.0.0/104 a; }", "with the addresses of IPv4 in it"),
    ("geo $place { default a; delete 0.0.0.0/0; }", "can't be carried over"),
    ("geo $http_x $place { 0.0.0.0/0 a; }", "takes what is no address for 255.255.255.255"),
    ("geo $http_x $place { default b; 255.0.0.0/8 a; }", "takes what is no address"),
    ("geo $http_x $place { default b; 255.255.255.255 a; }", "takes what is no address"),
    (
      "geo $http_x $place { ranges; default b; 250.0.0.0-255.255.255.255 a; }",
      "takes what is no address"
    ),
    (
      "geo $place { ranges; 10.0.0.0-10.5.255.255 a; delete 10.1.0.0-10.1.255.255; }",
      "for other addresses than those of one range"
    ),
  ])
  func isRefused(geo: String, message: String) {
    let diagnostics = convert(geo).diagnostics
    #expect(diagnostics.contains { $0.message.contains(message) }, "\(diagnostics)")
  }

  /// The value of the narrowest counts, as everybody's who has no address.
  @Test(arguments: [
    "0.0.0.0/0 a; 255.255.255.255 b; default b;", "240.0.0.0/4 a; delete 240.0.0.0/4; default b;",
    "0.0.0.0/0 a; default b;", "0.0.0.0/0 b; default b;", "10.0.0.0/8 a; 2000::/3 c;",
  ])
  func whatIsNoAddressHasTheDefault(lines: String) throws {
    _ = try variable("geo $http_x $place { \(lines) }")
  }

  @Test func aNetworkHasOneSpelling() throws {
    let place = try variable(
      """
      geo $place { 10.0.0.1 a; 10.0.0.1/32 b; 10.1.2.3/8 c; 10.0.0.0/8 d; 2001:DB8:0::1/128 e; 2001:db8::1 f;
        0.0.0.0/0 g; default h; }
      """)
    #expect(place.ranges == ["10.0.0.1": "b", "10.0.0.0/8": "d", "2001:db8::1": "f"])
    #expect(place.otherwise == "h")
  }

  @Test func rangesCutWhatIsThereBefore() throws {
    func ranges(_ lines: String) throws -> [String: String] {
      try variable("geo $place { ranges; \(lines) }").ranges
    }
    let outer = "10.0.0.0-10.0.0.255 a; 10.0.0.128-10.0.0.255 b;"
    #expect(try ranges(outer) == ["10.0.0.0/25": "a", "10.0.0.128/25": "b"])
    // What was cut off is gone.
    #expect(try ranges("\(outer) delete 10.0.0.128-10.0.0.255;") == ["10.0.0.0/25": "a"])
    // Not one of them just so: it stays.
    for range in ["10.0.0.0-10.0.0.255", "10.0.0.0-10.0.0.63", "10.0.0.100-10.0.0.200"] {
      #expect(try ranges("\(outer) delete \(range);").count == 2)
    }
    #expect(try ranges("10.0.0.4-10.0.0.7 a; 10.0.0.0-10.0.0.7 b;") == ["10.0.0.0/29": "b"])
    #expect(
      try ranges("10.0.0.0-10.0.0.3 a; 10.0.0.1-10.0.0.2 b;")
        == [
          "10.0.0.0/32": "a", "10.0.0.1/32": "b", "10.0.0.2/32": "b", "10.0.0.3/32": "a",
        ])
  }

  /// Against a table with a place for every address.
  @Test func rangesAreWhatATableHolds() throws {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<50 {
      var ranges = NginxRanges()
      var table = [String?](repeating: nil, count: 64)
      for number in 0..<30 {
        let first = Int.random(in: 0..<64, using: &generator)
        let last = Int.random(in: first..<64, using: &generator)
        ranges.set(
          UInt32(first), UInt32(last), "\(number)", at: Origin(file: "f", line: 1, column: 1))
        for address in first...last { table[address] = "\(number)" }
      }
      #expect((0..<64).map { ranges.value(of: UInt32($0)) } == table)
    }
  }

  @Test(arguments: [
    ("0.0.0.0", "255.255.255.255", ["0.0.0.0/0"]), ("10.0.0.1", "10.0.0.1", ["10.0.0.1/32"]),
    ("10.0.0.0", "10.0.0.255", ["10.0.0.0/24"]),
    ("10.0.0.1", "10.0.0.4", ["10.0.0.1/32", "10.0.0.2/31", "10.0.0.4/32"]),
    ("255.255.255.254", "255.255.255.255", ["255.255.255.254/31"]),
  ])
  func rangesAreTheFewestNetworks(first: String, last: String, networks: [String]) throws {
    let (start, end) = (NginxIPv4.number(first[...]), NginxIPv4.number(last[...]))
    #expect(try NginxIPv4.networks(from: #require(start), through: #require(end)) == networks)
  }

  /// Against asking every network: what is in the range, and nothing beside it.
  @Test func networksAreExactlyTheRange() throws {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<200 {
      let first = UInt32.random(in: 0...UInt32.max, using: &generator)
      let last = UInt32.random(in: first...UInt32.max, using: &generator)
      let networks = NginxIPv4.networks(from: first, through: last)
      #expect(networks.count <= 62)
      let set = try #require(CIDRSet(texts: networks))
      for number in [first, last, first / 2 + last / 2] where first <= number && number <= last {
        let address = try #require(IPAddress(NginxIPv4.text(number)))
        #expect(set.contains(address))
      }
      for (number, isThere) in [(first, first > 0), (last, last < .max)] where isThere {
        let other = number == first ? first - 1 : last + 1
        let address = try #require(IPAddress(NginxIPv4.text(other)))
        #expect(!set.contains(address))
      }
    }
  }

  @Test(arguments: ["1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.", "+1.2.3.4", "1.2.3.0004", ""])
  func isNoAddress(text: String) { #expect(NginxIPv4.number(text[...]) == nil) }
}
