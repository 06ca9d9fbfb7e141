// swift-tools-version: 5.9
import PackageDescription

let package = Package(
    name: "VouchAdapter",
    platforms: [.iOS(.v13), .macOS(.v10_15)],
    products: [
        .library(name: "VouchAdapter", targets: ["VouchAdapter"]),
        .executable(name: "MyAdapter", targets: ["MyAdapter"]),
    ],
    targets: [
        .target(name: "VouchAdapter"),
        .executableTarget(name: "MyAdapter", dependencies: ["VouchAdapter"]),
        .testTarget(name: "VouchAdapterTests", dependencies: ["VouchAdapter"]),
    ]
)
