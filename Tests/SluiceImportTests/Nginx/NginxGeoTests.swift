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
  ])
  func isRefused(geo: String, message: String) {
    let diagnostics = convert(geo).diagnostics
    #expect(diagnostics.contains { $0.message.contains(message) }, "\(diagnostics)")
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
