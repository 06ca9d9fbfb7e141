// The program that Vouch starts: `node server.js`, configured by four environment variables.
import { createApp } from "./app.js";
import { Vendor } from "./vendor.js";

const { PORT, VENDOR_API_URL, VENDOR_API_KEY, VENDOR_TIMEOUT_MS } = process.env;
const timeoutMs = Number(VENDOR_TIMEOUT_MS);
if (!PORT || !URL.canParse(VENDOR_API_URL) || !VENDOR_API_KEY || !(timeoutMs > 0)) {
  console.error("set PORT, VENDOR_API_URL, VENDOR_API_KEY and VENDOR_TIMEOUT_MS");
  process.exit(1);
}

const vendor = new Vendor({ url: VENDOR_API_URL, apiKey: VENDOR_API_KEY, timeoutMs });
createApp(vendor).listen(Number(PORT), "127.0.0.1", (error) => {
  if (error) {
    console.error(`cannot listen: ${error.code}`);
    process.exit(1);
  }
});
