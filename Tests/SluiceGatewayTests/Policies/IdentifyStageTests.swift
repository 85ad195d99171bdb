import Testing

@testable import SluiceGateway

@Suite struct IdentifyStageTests {
  /// It would let everybody pass.
  @Test func whatFindsNobodyIsNoPartOfIt() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      final class CompiledDoorman: CompiledPolicy {}
      _ = IdentifyStage([IdentifyPolicy(), CompiledDoorman()])
    }
    let errors = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(errors.contains("CompiledDoorman is of the stage 'identify' and no IdentifyPolicy"))
  }

  @Test func whatFindsCallersIs() {
    let stage = IdentifyStage([
      IdentifyPolicy(), CompiledIdentify(requiresAll: false, exempt: nil),
    ])
    #expect(!stage.asksAboutRequests)
  }
}
