import SluiceGateway

extension AdminEndpoint {
  static let jobs = [
    AdminEndpoint(
      method: .get, path: "/jobs",
      summary: "The jobs that run and the last that have ended.",
      answers: [.json(200, "The jobs, oldest first.", example: [CloseJob.example])],
      handler: { (_, context) throws(AdminProblem) in .json(context.jobs.jobs.map(\.content)) }),
    AdminEndpoint(
      method: .get, path: "/jobs/{id}",
      summary: "How far a job is.",
      parameters: [.job],
      answers: [.json(200, "The job.", example: CloseJob.example), .problem(.noSuchJob)],
      handler: { (request, context) throws(AdminProblem) in
        guard let job = request.text("id").flatMap({ context.jobs[$0] }) else {
          throw AdminProblem(.noSuchJob)
        }
        return .json(job.content)
      }),
    AdminEndpoint(
      method: .delete, path: "/jobs/{id}",
      summary: "Stops a job; what it has done stays done.",
      parameters: [.job],
      answers: [
        .json(200, "The job, which stops.", example: CloseJob.example), .problem(.noSuchJob),
      ],
      handler: { (request, context) throws(AdminProblem) in
        guard let job = request.text("id").flatMap({ context.jobs[$0] }) else {
          throw AdminProblem(.noSuchJob)
        }
        job.stop()
        return .json(job.content)
      }),
  ]
}

extension CloseJob {
  static let example = Content(
    id: "1", state: .running, matched: 1_000, closed: 240, gone: 2, rate: 100,
    startedAt: "2026-01-31T12:00:00.000Z")
}
