// Starts the vendor API and the Firebase Auth emulator. `PORT` is the port on loopback.

import '../vendor-api-node/clock.js'; // first: it replaces `Date`
import { serve } from '../vendor-api-node/server.js';
import { Emulator } from './identity.js';

const port = Number(process.env.PORT ?? 8787);
const emulator = await Emulator.start();
await serve(port, (realm) => emulator.identity(realm));
