"""The SDK's clock. A test or a harness can pass its own."""

import time


class SystemClock:
    def now(self):
        """Milliseconds since 1970, by the device's clock, which may be wrong and may be set back."""
        return time.time_ns() // 1_000_000

    def sleep(self, milliseconds):
        time.sleep(milliseconds / 1000)
