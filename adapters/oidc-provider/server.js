// Starts the vendor API and six issuers, one for each realm. `PORT` is the port on loopback.

import '../vendor-api-node/clock.js'; // first: it replaces `Date`
import { serve } from '../vendor-api-node/server.js';
import { Identity } from './identity.js';

await serve(Number(process.env.PORT ?? 8787), Identity.create);
