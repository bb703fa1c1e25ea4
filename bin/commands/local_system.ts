/** `.sallyport/local.json`: what a running local system tells the command line and scripts. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import { GatewayError } from '../../core/errors.ts';

const Port = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535));

export const LocalSystem = v.strictObject({
  version: v.literal(1),
  /** Of the process that `npm start` runs. */
  pid: v.pipe(v.number(), v.integer(), v.minValue(1)),
  gateway: v.strictObject({ host: v.string(), port: Port, database: v.string() }),
  /** The Slack stand-in and the approval page. */
  page: v.strictObject({ url: v.string() }),
  /** `directory` holds the signing key: what `sallyport token` mints with. */
  issuer: v.strictObject({ url: v.string(), audience: v.string(), directory: v.string() }),
  /** `publicKey` is a PEM file: what `sallyport verify` checks digests with. */
  archive: v.strictObject({ directory: v.string(), publicKey: v.string() }),
  spool: v.strictObject({ directory: v.string() }),
  dynamodb: v.strictObject({ endpoint: v.string(), table: v.string() }),
  target: v.strictObject({ host: v.string(), port: Port, database: v.string() }),
  /** The file that the running system logs to, one JSON line an event. */
  log: v.string(),
});
export type LocalSystem = v.InferOutput<typeof LocalSystem>;

/** Where the state lies: `.sallyport/` in the clone, or what SALLYPORT_STATE says, for a second system. */
export function stateDirectory(root: string): string {
  const chosen = process.env['SALLYPORT_STATE'];
  return chosen === undefined || chosen === ''
    ? path.join(root, '.sallyport')
    : path.resolve(root, chosen);
}

export function localSystemFile(root: string): string {
  return path.join(stateDirectory(root), 'local.json');
}

/**
 * Of the running system, or of the last one that ran.
 *
 * @throws GatewayError ERR_NOT_FOUND where none has run in this clone
 * @throws GatewayError ERR_CONFIG_INVALID where the file is damaged
 */
export async function readLocalSystem(root: string): Promise<LocalSystem> {
  const file = localSystemFile(root);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new GatewayError('ERR_NOT_FOUND', `Cannot read "${file}": no local system has run here`, {
      hint: 'Start one with: npm start',
      cause,
    });
  }
  try {
    return v.parse(LocalSystem, JSON.parse(text));
  } catch (cause) {
    throw new GatewayError('ERR_CONFIG_INVALID', `Cannot understand "${file}"`, {
      hint: 'Stop the local system and start it again: npm start',
      cause,
    });
  }
}
