// swift-tools-version: 6.2
import PackageDescription

var settings: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableExperimentalFeature("Lifetimes"),
]

// Continuous integration sets this; a newer compiler's warning stops nobody else.
if Context.environment["SLUICE_WARNINGS_AS_ERRORS"] == "1" {
  settings.append(.treatAllWarnings(as: .error))
}

let package = Package(
  name: "sluice",
  products: [
    .executable(name: "sluice", targets: ["sluice"]),
    .library(name: "SluiceGateway", targets: ["SluiceGateway", "SluiceConfiguration"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    // System interfaces.
    .target(name: "CLinux"),
    .systemLibrary(
      name: "CPCRE2", pkgConfig: "libpcre2-8", providers: [.apt(["libpcre2-dev"])]),
    .systemLibrary(
      name: "CNGHTTP2", pkgConfig: "libnghttp2", providers: [.apt(["libnghttp2-dev"])]),
    .systemLibrary(
      name: "COpenSSL", pkgConfig: "libssl", providers: [.apt(["libssl-dev"])]),
    .target(name: "CTLS13", dependencies: ["COpenSSL"]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(
      name: "CBrotli", pkgConfig: "libbrotlienc", providers: [.apt(["libbrotli-dev"])]),
    .systemLibrary(name: "CCrypt", pkgConfig: "libcrypt", providers: [.apt(["libcrypt-dev"])]),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),

    // What the tests read responses with.
    .systemLibrary(
      name: "CBrotliDecoder", path: "Tests/CBrotliDecoder", pkgConfig: "libbrotlidec",
      providers: [.apt(["libbrotli-dev"])]),

    // The house, bottom up; imports point down only (docs/internals/README.md).
    .target(name: "SluiceWire", swiftSettings: settings),
    .target(
      name: "SluiceReactor", dependencies: ["CLinux", "COpenSSL", "CTLS13", "SluiceWire"],
      swiftSettings: settings),
    .target(
      name: "SluiceConfiguration",
      dependencies: ["SluiceWire", .product(name: "Yams", package: "Yams")],
      swiftSettings: settings),
    .target(
      name: "SluiceImport", dependencies: ["SluiceConfiguration", "SluiceWire"],
      swiftSettings: settings),
    .target(
      name: "SluiceGateway",
      dependencies: [
        "SluiceWire", "SluiceReactor", "SluiceConfiguration", "CNGHTTP2", "CPCRE2", "COpenSSL",
        "CZlib", "CBrotli", "CZstd", "CCrypt",
      ],
      swiftSettings: settings),
    .target(
      name: "SluiceControl",
      dependencies: [
        "SluiceGateway", "SluiceReactor", "SluiceWire", "SluiceConfiguration", "SluiceImport",
        "CLinux", "COpenSSL",
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: settings),
    .executableTarget(
      name: "sluice",
      dependencies: [
        "SluiceControl", "SluiceGateway", "SluiceReactor", "SluiceWire", "SluiceConfiguration",
        "SluiceImport", .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: settings),

    // Also a package of its own, as a user would write it; here it is compiled with the tests.
    .executableTarget(
      name: "custom-policy", dependencies: ["SluiceGateway", "SluiceConfiguration"],
      path: "examples/custom-policy/Sources/custom-policy", swiftSettings: settings),

    .testTarget(
      name: "SluiceWireTests", dependencies: ["SluiceWire"], swiftSettings: settings),
    .testTarget(
      name: "SluiceReactorTests",
      dependencies: ["SluiceReactor", "SluiceWire", "CLinux", "COpenSSL", "CTLS13"],
      swiftSettings: settings),
    .testTarget(
      name: "SluiceConfigurationTests", dependencies: ["SluiceConfiguration", "SluiceWire"],
      swiftSettings: settings),
    .testTarget(
      name: "SluiceImportTests", dependencies: ["SluiceImport", "SluiceConfiguration"],
      swiftSettings: settings),
    .testTarget(
      name: "SluiceGatewayTests",
      dependencies: [
        "CNGHTTP2", "SluiceGateway", "SluiceReactor", "SluiceWire", "SluiceConfiguration",
      ],
      swiftSettings: settings),
    .testTarget(
      name: "SluiceControlTests",
      dependencies: [
        "sluice", "SluiceControl", "SluiceGateway", "SluiceReactor", "SluiceWire",
        "SluiceConfiguration", "SluiceImport", .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: settings),
    .testTarget(
      name: "ScenarioTests",
      dependencies: [
        "CBrotliDecoder", "CNGHTTP2", "COpenSSL", "CTLS13", "CZlib", "CZstd", "SluiceControl",
        "SluiceGateway", "SluiceReactor", "SluiceWire", "SluiceConfiguration", "SluiceImport",
      ],
      swiftSettings: settings),
  ],
  swiftLanguageModes: [.v6]
)
