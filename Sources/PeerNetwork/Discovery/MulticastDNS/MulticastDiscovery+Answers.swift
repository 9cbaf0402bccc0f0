/// What a peer answers to questions on the local network.
extension MulticastDiscovery {
    mutating func asked(_ message: DNSMessage, isLegacy: Bool, now: Duration) -> [Effect] {
        var effects: [Effect] = []
        for question in message.questions {
            let isForPointer =
                question.type == DNSMessage.RecordType.pointer || question.type == DNSMessage.RecordType.any
            if question.name == metaQuery, isForPointer {
                effects += answerMetaQuery(message, isLegacy: isLegacy, now: now)
                continue
            }
            // Many tools ask for the details of an instance and of its host one by one.
            let isForUs = question.name == instance || question.name == host
            guard isForUs || (question.name == service && isForPointer && !knowsOurs(message)) else { continue }
            if isLegacy || question.wantsUnicast {
                var reply = answer(id: isLegacy ? message.id : 0)
                if isLegacy { reply.questions = [question] }
                effects.append(.answerAsker(reply.bytes))
            } else {
                plan(now: now)
            }
        }
        return effects.isEmpty ? [] : [effects[0]]
    }

    private mutating func plan(now: Duration) {
        let earliest = max(now, (lastAnswer ?? now - configuration.answerInterval) + configuration.answerInterval)
        let due = earliest + random.duration(from: .milliseconds(20), to: configuration.answerDelay)
        nextAnswer = min(nextAnswer ?? due, due)
    }

    /// Whoever lists our answer with at least half of its time left has no need of it (RFC 6762 section 7.1).
    private func knowsOurs(_ message: DNSMessage) -> Bool {
        message.answers.contains {
            $0.name == service && $0.content == .pointer(instance) && $0.seconds >= configuration.holdsSeconds / 2
        }
    }

    private mutating func answerMetaQuery(_ message: DNSMessage, isLegacy: Bool, now: Duration) -> [Effect] {
        if let last = lastMetaAnswer, now - last < configuration.answerInterval { return [] }
        lastMetaAnswer = now
        var reply = DNSMessage(
            isResponse: true,
            answers: [.init(metaQuery, .pointer(service), seconds: configuration.holdsSeconds)])
        guard isLegacy else { return [.multicast(reply.bytes)] }
        reply.id = message.id
        reply.questions = message.questions.filter { $0.name == metaQuery }
        return [.answerAsker(reply.bytes)]
    }

    /// As many addresses as one packet holds.
    func answer(id: UInt16, seconds: UInt32? = nil) -> DNSMessage {
        let seconds = seconds ?? configuration.holdsSeconds
        var reply = DNSMessage(
            isResponse: true, answers: [.init(service, .pointer(instance), seconds: seconds)])
        reply.id = id
        var strings: [[UInt8]] = []
        var size = reply.bytes.count + DNSName.byteLimit
        for address in addresses {
            let text = Array("dnsaddr=\(address.with(owner))".utf8)
            guard text.count <= 255, size + 1 + text.count <= DNSMessage.Limits.sentBytes else { continue }
            size += 1 + text.count
            strings.append(text)
        }
        reply.additional = [.init(instance, .text(strings), seconds: seconds, flushesCache: id == 0)]
        addHost(to: &reply, seconds: seconds, flushesCache: id == 0)
        return reply
    }

    /// Where the host is, for tools that know services only so. What has no room is left out.
    private func addHost(to reply: inout DNSMessage, seconds: UInt32, flushesCache: Bool) {
        let ports = addresses.lazy.compactMap { address -> UInt16? in address.tcpTarget?.port }
        guard let port = ports.first else { return }
        var records = [
            DNSMessage.Record(
                instance, .service(priority: 0, weight: 0, port: port, host: host), seconds: seconds,
                flushesCache: flushesCache)
        ]
        var seen: Set<IPAddress> = []
        for case let ip? in addresses.map(\.ipAddress) where seen.insert(ip).inserted {
            records.append(.init(host, .address(ip.bytes), seconds: seconds, flushesCache: flushesCache))
        }
        for record in records {
            var longer = reply
            longer.additional.append(record)
            guard longer.bytes.count <= DNSMessage.Limits.sentBytes else { return }
            reply = longer
        }
    }
}
