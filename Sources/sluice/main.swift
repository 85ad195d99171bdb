import SluiceConfiguration
import SluiceGateway
import Glibc

var configuration = Configuration()
configuration.workers = .count(1)
configuration.accessLog.format = CommandLine.arguments.count > 3 ? .json : .off
var listener = Configuration.Listener()
listener.address = CommandLine.arguments[1]
configuration.listeners["web"] = listener
var service = Configuration.Service()
service.targets = [Configuration.Target(url: CommandLine.arguments[2])]
configuration.services["s"] = service
var route = Configuration.Route()
route.service = "s"
configuration.routes["all"] = route
let gateway = try Gateway(configuration)
sleep(3600)
