public import SluiceConfiguration
import SluiceReactor
import SluiceWire

extension Configuration.FileLog: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy {
    CompiledFileLog(self, context.worker)
  }
}

extension Configuration.HTTPLog: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy { CompiledHTTPLog(self, context) }
}

/// Writes a line to a file for every exchange that is over.
final class CompiledFileLog: CompiledPolicy {
  private let log: AccessLog
  private let worker: Worker

  init(_ settings: Configuration.FileLog, _ worker: Worker) {
    self.worker = worker
    log = AccessLog(
      loop: worker.loop, writer: worker.stores.logs.writer(LogWriter.Output(settings.path)),
      format: settings.format)
    super.init()
    worker.policyLogs.append(log)
  }

  override var phases: PolicyPhases { .log }

  override func logged(_ exchange: Exchange, status: Int) { log.write(exchange, status: status) }
  override func logged(_ event: SessionEvent) { log.write(event) }

  override func retired() {
    log.end()
    worker.policyLogs.removeAll { $0 === log }
  }
}

/// Sends a line to a server for every exchange that is over.
final class CompiledHTTPLog: CompiledPolicy {
  /// Nil after a reload that took it over.
  private var sender: LogSender?
  private let format: Configuration.LogFormat
  private var line = ByteBuffer()

  init(_ settings: Configuration.HTTPLog, _ context: PolicyContext) {
    format = settings.format
    let client = CallURL(settings.url).flatMap {
      context.client(url: $0.server, timeout: settings.timeout)
    }
    if let former = context.former as? CompiledHTTPLog, let sender = former.sender,
      sender.settings == settings, !sender.isEnding
    {
      former.sender = nil
      former.successor = sender
      sender.replaceClient(client)
      self.sender = sender
    } else {
      let sender = LogSender(
        settings, client, context.worker.stores.logs.totals, context.worker.loop)
      context.worker.logSenders.append(sender)
      self.sender = sender
    }
  }

  /// For exchanges that began before the reload.
  private var successor: LogSender?

  override var phases: PolicyPhases { .log }

  override func logged(_ exchange: Exchange, status: Int) {
    LogLine.append(exchange, status: status, now: exchange.loop.now, as: format, to: &line)
    send()
  }

  override func logged(_ event: SessionEvent) {
    SessionLogLine.append(event, now: event.session.loop.now, to: &line)
    send()
  }

  private func send() {
    // Its end is a line's, which a body has no use for.
    line.truncate(to: line.count - 1)
    (sender ?? successor)?.add(line.copiedBytes())
    line.clear()
  }

  override func retired() { sender?.end() }
}
