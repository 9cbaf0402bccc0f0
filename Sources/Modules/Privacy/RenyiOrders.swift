/// The fixed orders at which budgets are counted. Their number and order never change: a cost vector names no orders.
public enum RenyiOrders {
    public static let count = 32

    /// Each order times four, so that all of them are integers: 1.25, 1.5, … 512.
    public static let timesFour: [UInt32] = [
        5, 6, 7, 8, 9, 10, 12, 14, 16, 18, 20, 24, 28, 32, 36, 40, 48, 56, 64, 72, 80, 96, 112, 128, 160, 192, 224, 256,
        384, 512, 1024, 2048,
    ]
}
