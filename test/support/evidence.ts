/** An archive as it comes about: sessions through the archive function, digests by the digest function. */

import { generateKeyPairSync, sign } from 'node:crypto';
import { verifyArchive } from '../../bin/archive/verify.ts';
import type { EpochMs } from '../../core/brand.ts';
import type { Report } from '../../core/recording/verify.ts';
import { makeHandler as makeDigestHandler } from '../../functions/archive/digest.ts';
import { makeHandler as makeArchiveHandler } from '../../functions/archive/handler.ts';
import type { Signer } from '../../functions/archive/kms_signer.ts';
import {
  kinesisEvent,
  type MemoryArchive,
  memoryArchive,
  type Recorded,
  recordSession,
} from './recorded_sessions.ts';
import { memoryLog, ms, START, session, sha256 } from './recording.ts';

export interface Keys extends Signer {
  readonly publicKeyPem: string;
}

export function makeKeys(namedCurve = 'P-256'): Keys {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve });
  return {
    publicKeyPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    sign: (text) => Promise.resolve({ signature: sign('sha256', Buffer.from(text), privateKey) }),
  };
}

export interface World {
  readonly archive: MemoryArchive;
  readonly keys: Keys;
  readonly log: ReturnType<typeof memoryLog>;
  /** The clock of the archive and of the digests. */
  now: EpochMs;
  readonly archiveSessions: (recorded: readonly Recorded[], first?: number) => Promise<void>;
  readonly signDigest: (options?: { empty?: boolean }) => Promise<string | null>;
  readonly verify: (now?: EpochMs) => Promise<Report>;
}

export function makeWorld(): World {
  const archive = memoryArchive(START);
  const log = memoryLog();
  const keys = makeKeys();
  let sequence = 1_000;
  const world: World = {
    archive,
    keys,
    log,
    now: START,
    archiveSessions: async (recorded, cut = 3) => {
      archive.now = world.now;
      // Two batches, so that a recording is made of several segments.
      const parts = [
        recorded.map(({ lines }) => lines.slice(0, cut)),
        recorded.map(({ lines }) => lines.slice(cut)),
      ];
      for (const groups of parts) {
        await makeArchiveHandler({ archive, sha256, log })(kinesisEvent(groups, sequence));
        sequence += groups.length;
      }
    },
    signDigest: async ({ empty = true } = {}) => {
      archive.now = world.now;
      const now = () => world.now;
      const handle = makeDigestHandler({
        archive,
        signer: keys,
        sha256,
        now,
        log,
        signsEmpty: empty,
      });
      const result = await handle({});
      return result.kind === 'signed' ? result.key : null;
    },
    verify: (now = world.now) => verifyArchive({ archive, publicKeyPem: keys.publicKeyPem, now }),
  };
  return world;
}

export const later = (at: EpochMs, minutes: number): EpochMs => ms(at + minutes * 60_000);

/** Three hours of work: two sessions, digest, one session, digest, an empty digest. All is well. */
export async function threeHours(): Promise<{ world: World; recorded: readonly Recorded[] }> {
  const world = makeWorld();
  const recorded = [recordSession(session()), recordSession(session(), 2)];
  await world.archiveSessions(recorded);
  world.now = later(START, 70);
  await world.signDigest();
  const third = recordSession(session({ at: later(START, 80) }), 4);
  world.now = later(START, 81);
  await world.archiveSessions([third]);
  world.now = later(START, 130);
  await world.signDigest();
  world.now = later(START, 190);
  await world.signDigest();
  return { world, recorded: [...recorded, third] };
}
