// Prints what a load report says of the server under test: `node describe.js PACKAGE`, in the folder that has the package.

import { readFileSync } from 'node:fs';

const name = process.argv[2];
const { version } = JSON.parse(readFileSync(`node_modules/${name}/package.json`, 'utf8'));
const configuration = { software: name, node: process.version, storage: 'memory' };
process.stdout.write(`${JSON.stringify({ version, instances: 1, configuration })}\n`);
