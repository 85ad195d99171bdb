// swift-tools-version: 6.2
import PackageDescription

// A gateway of your own: the library, your policies, a main function. In a package outside of this
// repository the dependency is `.package(url: …, from: …)`.
let package = Package(
  name: "custom-policy",
  dependencies: [.package(name: "sluice", path: "../..")],
  targets: [
    .executableTarget(
      name: "custom-policy",
      dependencies: [.product(name: "SluiceGateway", package: "sluice")])
  ],
  swiftLanguageModes: [.v6]
)
