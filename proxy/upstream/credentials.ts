/**
 * Where each target is and how the gateway signs in to it: the ports `Upstreams` of services.ts.
 * A password is held in this process alone: it is not printed, not logged, and no error repeats it.
 */
import * as v from 'valibot';
import { GatewayError } from '../../core/errors.ts';
import type { Target } from '../../core/target.ts';
import { reasonOf } from '../log.ts';
import type { Clock, Log, Upstream, Upstreams } from '../services.ts';

/** A credential is read again after this long, so that a rotated one is taken up before it is refused. */
export const CREDENTIAL_FRESH_MS = 5 * 60_000;
/** While the store cannot be reached, the last credential goes on for this long; then nobody connects. */
export const CREDENTIAL_OUTAGE_MS = 60 * 60_000;
/** A refused credential is read again at most this often: a wrong one must not flood the store. */
export const CREDENTIAL_COOLDOWN_MS = 10_000;
/** One read. A client waits for it inside its own login. */
export const CREDENTIAL_DEADLINE_MS = 3_000;

/** Longest name or password that a store is believed: Secrets Manager keeps 64 KiB in all. */
const CREDENTIAL_TEXT_MAX = 4_096;

/** Where a target is; the credential is named, not held. */
export interface StoredUpstream {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  /** The secret with `{"username": …, "password": …}`, as RDS lays it out. */
  readonly secretArn: string;
  /** PEM of the server's certificate authority; null: those that the runtime trusts. */
  readonly ca: string | null;
}

export type SecretText =
  | { readonly kind: 'secret'; readonly text: string }
  /** The store answered, and the answer is no: deleted, or not for us. `why` holds no secret. */
  | { readonly kind: 'refused'; readonly why: string };

/** Reads one secret. Rejects where the store gave no answer. */
export type ReadSecret = (arn: string, signal: AbortSignal) => Promise<SecretText>;

export interface StoredUpstreamsOptions {
  readonly read: ReadSecret;
  /** By the name of the target. */
  readonly upstreams: ReadonlyMap<string, StoredUpstream>;
  readonly clock: Clock;
  readonly log: Log;
}

/** For one machine: what was configured is what there is. */
export function staticUpstreams(upstreams: ReadonlyMap<string, Upstream>): Upstreams {
  return {
    forTarget: async (target) => held(found(upstreams, target)),
    refused: () => undefined,
  };
}

interface Kept {
  readonly upstream: Upstream;
  /** `clock.monotonic()` when it was read, and when it is to be read again. */
  readonly readAt: number;
  readonly renewAt: number;
}

/** Credentials of a store, each read when first needed and kept for a named time. */
export function storedUpstreams(options: StoredUpstreamsOptions): Upstreams {
  const { clock, log } = options;
  const kept = new Map<string, Kept>();
  const reading = new Map<string, Promise<Upstream>>();

  const read = async (target: Target): Promise<Upstream> => {
    const readAt = clock.monotonic();
    try {
      const upstream = await readUpstream(options, target);
      kept.set(target.name, { upstream, readAt, renewAt: readAt + CREDENTIAL_FRESH_MS });
      log.info('credential.read', { target: target.name });
      return upstream;
    } catch (error) {
      // Out of reach is not withdrawn: what worked an hour ago may go on, and the target judges it.
      log.warn('credential.unavailable', { target: target.name, error: reasonOf(error) });
      return outlive(target, error);
    }
  };
  const outlive = (target: Target, error: unknown): Upstream => {
    const known = kept.get(target.name);
    const answered = error instanceof GatewayError && error.code === 'ERR_TARGET_REFUSED';
    if (answered) kept.delete(target.name);
    if (answered || known === undefined) throw error;
    const now = clock.monotonic();
    if (now - known.readAt > CREDENTIAL_OUTAGE_MS) throw error;
    kept.set(target.name, { ...known, renewAt: now + CREDENTIAL_COOLDOWN_MS });
    return known.upstream;
  };

  return {
    forTarget: async (target) => {
      const known = kept.get(target.name);
      if (known !== undefined && clock.monotonic() < known.renewAt) return known.upstream;
      let running = reading.get(target.name);
      if (running === undefined) {
        running = read(target).finally(() => reading.delete(target.name));
        reading.set(target.name, running);
      }
      return running;
    },
    refused: (target, upstream) => {
      const known = kept.get(target.name);
      // Another session's refusal may have had it read again already.
      if (known?.upstream !== upstream) return;
      if (clock.monotonic() - known.readAt < CREDENTIAL_COOLDOWN_MS) return;
      kept.delete(target.name);
      log.warn('credential.refused', { target: target.name });
    },
  };
}

/** PostgreSQL's startup message ends a name at a NUL. */
const CredentialText = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(CREDENTIAL_TEXT_MAX),
  v.check((text) => !text.includes('\0')),
);
/** RDS writes more into it (engine, host, port): where the target is comes from the configuration. */
const Credential = v.object({ username: CredentialText, password: CredentialText });

async function readUpstream(options: StoredUpstreamsOptions, target: Target): Promise<Upstream> {
  const { host, port, database, ca, secretArn } = found(options.upstreams, target);
  const answer = await readWithDeadline(options.read, secretArn, target);
  if (answer.kind === 'refused') {
    throw unusable(target, `The credential of target "${target.name}" was refused: ${answer.why}`);
  }
  const credential = v.safeParse(v.pipe(v.string(), v.parseJson(), Credential), answer.text);
  if (!credential.success) {
    // Where it is wrong, never what it holds.
    const where = v.getDotPath(credential.issues[0]) ?? 'it is no JSON object';
    throw unusable(target, `The credential of target "${target.name}" cannot be read: ${where}`);
  }
  const { username: user, password } = credential.output;
  return held({ host, port, database, user, password, tls: { mode: 'verify-full', ca } });
}

async function readWithDeadline(
  read: ReadSecret,
  arn: string,
  target: Target,
): Promise<SecretText> {
  const signal = AbortSignal.timeout(CREDENTIAL_DEADLINE_MS);
  try {
    return await read(arn, signal);
  } catch (cause) {
    const why = signal.aborted ? ` within ${CREDENTIAL_DEADLINE_MS} ms` : '';
    throw new GatewayError(
      'ERR_TARGET_UNAVAILABLE',
      `The credential of target "${target.name}" cannot be had${why}`,
      { hint: 'Check that the fleet reaches Secrets Manager', cause },
    );
  }
}

function unusable(target: Target, message: string): GatewayError {
  return new GatewayError('ERR_TARGET_REFUSED', message, {
    hint: `Let the secret of "${target.name}" exist, be readable by the fleet and hold {"username", "password"}`,
  });
}

function found<T>(upstreams: ReadonlyMap<string, T>, target: Target): T {
  const upstream = upstreams.get(target.name);
  if (upstream !== undefined) return upstream;
  throw new GatewayError('ERR_CONFIG_INVALID', `Target "${target.name}" has no upstream`, {
    hint: 'Configure where it is and which secret signs in to it',
  });
}

/** The password is there to be read by name, and by nothing that prints, lists or copies the rest. */
function held(upstream: Upstream): Upstream {
  const copy = { ...upstream, tls: Object.freeze({ ...upstream.tls }) };
  Object.defineProperty(copy, 'password', { value: upstream.password, enumerable: false });
  return Object.freeze(copy);
}
