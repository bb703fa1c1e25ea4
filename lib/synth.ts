/**
 * `npm run synth`: bundles the functions and synthesizes with the CLI that deploys, so that what is
 * checked is what is deployed. Needs no AWS account, no docker and no network.
 */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { buildFunctions } from '../build.ts';
import { config } from '../sallyport.config.ts';
import { parseConfig } from './config.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

await buildFunctions({ policies: parseConfig(config).policies });
const cli = createRequire(import.meta.url).resolve('aws-cdk/bin/cdk');
const { status, error } = spawnSync(
  process.execPath,
  [cli, 'synth', '--quiet', '--no-lookups', ...process.argv.slice(2)],
  {
    cwd: ROOT,
    stdio: 'inherit',
    env: {
      ...process.env,
      CDK_DISABLE_CLI_TELEMETRY: 'true',
      // Nothing here asks the instance it runs on for credentials.
      AWS_EC2_METADATA_DISABLED: 'true',
    },
  },
);
if (error !== undefined) throw error;
process.exitCode = status ?? 1;
