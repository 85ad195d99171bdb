import Glibc
import SluiceConfiguration
import SluiceGateway

// custom-policy FILE: a gateway that also knows the policy `business-hours`.

guard CommandLine.arguments.count == 2, let file = fopen(CommandLine.arguments[1], "r") else {
  print("usage: custom-policy FILE")
  exit(64)
}
var text = ""
while let line = readLine(of: file) { text += line }
fclose(file)

// The list of policies is what the file may name; it has to be complete before the file is read.
let result = ConfigurationReader.read(
  contentsOf: text, file: CommandLine.arguments[1],
  policies: PolicyRegistry.standard.adding(BusinessHours.self))
for diagnostic in result.diagnostics { print(diagnostic) }
guard let configuration = result.configuration else { exit(1) }

let gateway = try Gateway(configuration)
for name in configuration.listeners.keys.sorted() {
  if let address = gateway.address(ofListener: name) { print("\(name) listens on \(address)") }
}
var signals = sigset_t()
sigemptyset(&signals)
sigaddset(&signals, SIGINT)
sigaddset(&signals, SIGTERM)
pthread_sigmask(SIG_BLOCK, &signals, nil)
var signal: Int32 = 0
sigwait(&signals, &signal)
gateway.shutDown()

func readLine(of file: UnsafeMutablePointer<FILE>) -> String? {
  var buffer: UnsafeMutablePointer<CChar>?
  var capacity = 0
  defer { free(buffer) }
  guard getline(&buffer, &capacity, file) > 0, let buffer else { return nil }
  return String(cString: buffer)
}
