import SluiceGateway

extension MetricsPage {
  /// In seconds, without the open last one.
  private static let lifeBounds = SessionReport.lifeBounds.map { Double($0) / 1e9 }

  func renderSessions(to output: inout Exposition) {
    let routes = RouteTotals.sums(of: reports).compactMap { route in
      route.totals.sessions.map { (name: route.name, sessions: $0) }
    }
    output.begin(.openSessions)
    for (name, sessions) in routes { output.sample(name, value: sessions.open) }
    output.begin(.sessionsOpened)
    for (name, sessions) in routes { output.sample(name, value: sessions.opened) }
    output.begin(.sessionsReconnected)
    for (name, sessions) in routes { output.sample(name, value: sessions.reconnected) }
    output.begin(.sessionsClosed)
    for (name, sessions) in routes {
      // All causes from the start: a counter that appears with its first event hides that event.
      for cause in SessionCause.allCases {
        output.sample(name, "\(cause.label)", value: sessions.closed[Int(cause.rawValue)])
      }
    }
    output.begin(.sessionCloseCodes)
    for (name, sessions) in routes {
      for (index, count) in sessions.closedByCode.enumerated() {
        output.sample(name, SessionCloseCode.label(index), value: count)
      }
    }
    output.begin(.handshakeDuration)
    for (name, sessions) in routes {
      output.histogram(
        name, counts: sessions.handshakes[...], bounds: Self.bounds,
        sum: Double(sessions.handshakeNanoseconds) / 1e9)
    }
    renderTraffic(of: routes, to: &output)
    output.begin(.sessionRoundTrip)
    for (name, sessions) in routes {
      output.histogram(
        name, counts: sessions.roundTrips[...], bounds: Self.bounds,
        sum: Double(sessions.roundTripNanoseconds) / 1e9)
    }
    output.begin(.sessionLifetime)
    for (name, sessions) in routes {
      output.histogram(
        name, counts: sessions.lives[...], bounds: Self.lifeBounds,
        sum: Double(sessions.lifeNanoseconds) / 1e9)
    }
  }

  private func renderTraffic(
    of routes: [(name: String, sessions: SessionTotals)], to output: inout Exposition
  ) {
    output.begin(.sessionMessages)
    for (name, sessions) in routes {
      output.sample(name, "client", value: sessions.messagesFromClient)
      output.sample(name, "upstream", value: sessions.messagesFromUpstream)
    }
    output.begin(.sessionBytes)
    for (name, sessions) in routes {
      output.sample(name, "client", value: sessions.bytesFromClient)
      output.sample(name, "upstream", value: sessions.bytesFromUpstream)
    }
    output.begin(.sessionDropped)
    for (name, sessions) in routes {
      for reason in MessageDrop.allCases {
        output.sample(
          name, "\(reason.label)", value: sessions.droppedMessages[Int(reason.rawValue)])
      }
    }
    output.begin(.sessionBacklog)
    for (name, sessions) in routes { output.sample(name, value: sessions.backlog) }
  }
}
