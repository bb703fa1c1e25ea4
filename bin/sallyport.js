#!/usr/bin/env node
/** The command line's way in. See hand_over.js. */
import { handOver } from './hand_over.js';

await handOver(['bin/sallyport.ts', ...process.argv.slice(2)]);
