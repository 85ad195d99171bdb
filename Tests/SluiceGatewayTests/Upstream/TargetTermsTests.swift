import SluiceConfiguration
import Testing

@testable import SluiceGateway

/// What is spoken to a target that has agreed, or not, to HTTP/2.
@Suite struct TargetTermsTests {
  private func agreement(
    _ wanted: Configuration.TargetProtocol, isEncrypted: Bool = true, onHTTP2 hasAgreed: Bool,
    isHTTP1Only: Bool = false
  ) -> UpstreamProtocol? {
    var service = Configuration.Service()
    service.protocol = wanted
    return TargetTerms(service, nil).agreement(
      isEncrypted: isEncrypted, hasAgreedOnHTTP2: hasAgreed, isHTTP1Only: isHTTP1Only)
  }

  @Test func whatWasAgreedOnIsSpoken() {
    #expect(agreement(.http1, onHTTP2: false) == .http1)
    #expect(agreement(.auto, onHTTP2: false) == .http1)
    #expect(agreement(.auto, onHTTP2: true) == .http2)
    #expect(agreement(.auto, isEncrypted: false, onHTTP2: false) == .http1)
    #expect(agreement(.http2, onHTTP2: true) == .http2)
    // Without TLS nobody is asked.
    #expect(agreement(.http2, isEncrypted: false, onHTTP2: false) == .http2)
  }

  @Test func whoHasToSpeakHTTP2AgreesToIt() {
    #expect(agreement(.http2, onHTTP2: false) == nil)
  }

  /// RFC 7301 3.1: a target chooses of what it was offered.
  @Test func whatWasNotOfferedIsRefused() {
    #expect(agreement(.http1, onHTTP2: true) == nil)
    #expect(agreement(.auto, onHTTP2: true, isHTTP1Only: true) == nil)
    #expect(agreement(.http2, onHTTP2: true, isHTTP1Only: true) == nil)
    #expect(agreement(.auto, onHTTP2: false, isHTTP1Only: true) == .http1)
  }
}
