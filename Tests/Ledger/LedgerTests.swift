import Ledger
import Testing

@Test("result codes have names") func resultCodesHaveNames() {
    #expect(ResultCode.ok.ledgerName == "ok")
    #expect(ResultCode.limitExceeded.ledgerName == "limit_exceeded")
    #expect(ResultCode(rawValue: 99).ledgerName == nil)
}
