/** The environment of the archive Lambdas, and their log. */
import { GatewayError } from '../../core/errors.ts';
import type { Log } from './archive.ts';

/** @throws GatewayError ERR_CONFIG_INVALID where it is not set */
export function variable(env: Readonly<Record<string, string | undefined>>, name: string): string {
  const value = env[name];
  if (value === undefined || value === '') {
    throw new GatewayError('ERR_CONFIG_INVALID', `The environment variable ${name} is missing`);
  }
  return value;
}

const line =
  (level: string) =>
  (event: string, fields: Readonly<Record<string, unknown>> = {}) =>
    console.log(JSON.stringify({ level, event, ...fields }));

export const consoleLog: Log = { info: line('info'), warn: line('warn'), error: line('error') };
