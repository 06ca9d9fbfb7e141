// What this backend uses of the vendor's server SDK.
//
// The SDK is 1,800 modules, and reading them takes Node longer than all the rest of a start. `npm run build` packs
// this file and them into build/sdk.js; where that was not done, everything works the same, later.
export { VitalClient } from "@tryvital/vital-node";
