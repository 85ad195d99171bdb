/// Runs async code on its own event loop's thread (SE-0417).
///
/// `Task(executorPreference: loop.executor) { … }` resumes on the loop after every suspension, so
/// waiting policies need no lock and pay no thread hop.
public final class EventLoopExecutor: TaskExecutor {
  private let mailbox: Mailbox

  init(mailbox: Mailbox) { self.mailbox = mailbox }

  public func enqueue(_ job: consuming ExecutorJob) {
    mailbox.put(.job(UnownedJob(job)))
  }

  func runNow(_ job: UnownedJob) { job.runSynchronously(on: asUnownedTaskExecutor()) }
}
