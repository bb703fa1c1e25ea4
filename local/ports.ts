/** Ports on loopback: a busy one is a clear error that names the port and the flag to change it. */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { GatewayError } from '../core/errors.ts';

/**
 * @param port 0: one that the operating system picks
 * @param flag the command-line flag by which the reader can choose another one
 * @returns the port, free a moment ago
 */
export async function freePort(host: string, port: number, flag: string): Promise<number> {
  const probe = createServer();
  try {
    probe.listen(port, host);
    await once(probe, 'listening');
    return (probe.address() as AddressInfo).port;
  } catch (cause) {
    throw portError(host, port, flag, cause);
  } finally {
    probe.close();
  }
}

/** What to tell someone whose port cannot be listened on. */
export function portError(host: string, port: number, flag: string, cause: unknown): GatewayError {
  const code = (cause as NodeJS.ErrnoException).code;
  const why = code === 'EACCES' ? 'not allowed' : 'already in use';
  return new GatewayError('ERR_PORT_BUSY', `Cannot listen on ${host}:${port}: ${why}`, {
    hint: `Choose another port with ${flag} PORT`,
    cause,
  });
}
