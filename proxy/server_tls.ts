/** The listener's certificate, out of its secret `{"certificate": PEM chain, "privateKey": PEM}`. */
import { X509Certificate } from 'node:crypto';
import * as v from 'valibot';
import { GatewayError } from '../core/errors.ts';
import { makeServerContext, type ServerTls } from './host/tls.ts';
import type { Clock, Log } from './services.ts';
import type { ReadSecret } from './upstream/credentials.ts';

/** One read, at start: nobody waits for it but the start. */
const READ_DEADLINE_MS = 10_000;
/** An expired certificate stops every client that verifies: said this long before. */
export const EXPIRY_WARNING_MS = 14 * 24 * 60 * 60_000;

const Pem = v.pipe(v.string(), v.startsWith('-----BEGIN '));
const TlsSecret = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ certificate: Pem, privateKey: Pem }),
);

export interface ServerTlsOptions {
  readonly read: ReadSecret;
  readonly arn: string;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Log;
}

/** Rejects with ERR_CONFIG_INVALID, which never repeats what the secret holds. */
export async function readServerTls(options: ServerTlsOptions): Promise<ServerTls> {
  const { certificate, privateKey: key } = await readTlsSecret(options);
  const end = checkPair({ certificate, key }, options.arn);
  const left = end - options.clock.now();
  const validTo = new Date(end).toISOString();
  if (left <= 0) options.log.error('tls.certificate_expired', { validTo });
  else if (left < EXPIRY_WARNING_MS) options.log.warn('tls.certificate_expiring', { validTo });
  return { certificate, key };
}

async function readTlsSecret({ read, arn }: ServerTlsOptions) {
  let why = 'it is not {"certificate": PEM, "privateKey": PEM}';
  let cause: unknown;
  try {
    const answer = await read(arn, AbortSignal.timeout(READ_DEADLINE_MS));
    if (answer.kind === 'secret') {
      const parsed = v.safeParse(TlsSecret, answer.text);
      if (parsed.success) return parsed.output;
    } else {
      why = answer.why;
    }
  } catch (error) {
    // Without a certificate there is no listener: the start fails, and is tried again from outside.
    why = 'Secrets Manager does not answer';
    cause = error;
  }
  throw unusable(arn, why, cause);
}

/** Until when the certificate is valid. */
function checkPair(tls: ServerTls, arn: string): number {
  try {
    makeServerContext(tls);
    return Date.parse(new X509Certificate(tls.certificate).validTo);
  } catch {
    // OpenSSL's reasons read like `error:05800074`, and may quote what they choked on.
    throw unusable(arn, 'certificate and private key cannot be read, or do not belong together');
  }
}

function unusable(arn: string, why: string, cause?: unknown): GatewayError {
  return new GatewayError('ERR_CONFIG_INVALID', `Cannot use the TLS secret ${arn}: ${why}`, {
    hint: 'Let it hold both PEM texts as one JSON object, and let the task reach and read it',
    cause,
  });
}
