/** What the npm scripts run: `node bin/enter.js FILE [arguments]`. See hand_over.js. */
import { handOver } from './hand_over.js';

await handOver(process.argv.slice(2));
