// The parts of the vendor's server SDK that this backend uses.
//
// The SDK has 1,800 modules, which take most of the start-up time. `npm run build` bundles them with this file
// into build/sdk.js. Without the bundle everything works, but starts more slowly.
export { VitalClient } from "@tryvital/vital-node";
