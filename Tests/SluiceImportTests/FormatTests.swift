import Testing

@testable import SluiceImport

@Suite struct FormatTests {
  @Test(arguments: [
    ("version: 1\nlisteners: {}\n", "a.yaml", ConfigurationFormat.sluice),
    ("version: 1\nroutes: {}\n", "nginx.conf", .sluice),
    ("{\"version\": 1}", "kong.json", .sluice),
    ("", "a.yaml", .sluice),
    ("", "nginx.conf", .nginx),
    ("# only a comment", "nginx.conf", .nginx),
    ("nonsense", "a.yaml", .sluice),
    ("routes: [", "a.yaml", .sluice),
    ("_format_version: '3.0'\n", "a.yaml", .kong),
    ("{\"_format_version\": \"1.1\"}", "nginx.conf", .kong),
    ("# a snippet\nplugins:\n  - name: acl\n", "a.yaml", .kong),
    ("routes:\n  - name: a\n", "a.yaml", .kong),
    ("services: []", "sluice.yaml", .kong),
    ("routes: {a: {}}", "a.yaml", .sluice),
    ("http {\n}\n", "a.yaml", .nginx),
    ("events {}\nhttp { server { listen 80; } }", "x", .nginx),
    ("# comment: with a colon\nworker_processes auto;\nhttp {}", "a.yaml", .nginx),
    ("upstream a {\n  server b:80;\n}\n", "a", .nginx),
    ("events{}", "a", .nginx),
  ])
  func isDetected(text: String, file: String, format: ConfigurationFormat) {
    #expect(ConfigurationFormat.detect(text: text, file: file) == format)
  }
}
