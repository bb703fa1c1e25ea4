/** Secrets Manager as the store of credentials, and of the listener's certificate. */
import {
  GetSecretValueCommand,
  type SecretsManagerClient,
  SecretsManagerServiceException,
} from '@aws-sdk/client-secrets-manager';
import type { Clock, Log, Upstreams } from '../services.ts';
import { type ReadSecret, type StoredUpstream, storedUpstreams } from './credentials.ts';

/**
 * Asked too often, or with a task role's credentials that have just run out. The SDK models neither, so
 * there is nothing but their names ("Common errors", Secrets Manager API reference).
 */
const PASSING: ReadonlySet<string> = new Set(['ThrottlingException', 'ExpiredTokenException']);

/** Resolves with the current version of a secret's text. */
export function readSecretWith(client: SecretsManagerClient): ReadSecret {
  return async (SecretId, abortSignal) => {
    try {
      const command = new GetSecretValueCommand({ SecretId });
      const { SecretString } = await client.send(command, { abortSignal });
      if (SecretString === undefined) return { kind: 'refused', why: 'it is binary, not text' };
      return { kind: 'secret', text: SecretString };
    } catch (error) {
      if (isAnswer(error)) return { kind: 'refused', why: error.name };
      throw error;
    }
  };
}

/** A client's fault is an answer: no such secret, being deleted, not for us. All else is silence. */
function isAnswer(error: unknown): error is SecretsManagerServiceException {
  return (
    error instanceof SecretsManagerServiceException &&
    error.$fault === 'client' &&
    !PASSING.has(error.name)
  );
}

export function secretsManagerUpstreams(options: {
  readonly client: SecretsManagerClient;
  /** By the name of the target. */
  readonly upstreams: ReadonlyMap<string, StoredUpstream>;
  readonly clock: Clock;
  readonly log: Log;
}): Upstreams {
  const { client, ...rest } = options;
  return storedUpstreams({ ...rest, read: readSecretWith(client) });
}
