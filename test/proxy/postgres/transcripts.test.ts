/** The main conversations, word by word, with a real PostgreSQL behind: test/transcripts/postgres. */
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Postgres, startPostgres } from '../../../local/postgres.ts';
import { cancelRequest } from '../../../proxy/protocols/postgres/codec_synthetic.ts';
import type { AdmitHooks, Refusal } from '../../../proxy/services.ts';
import { int32 } from '../../support/backend_frames.ts';
import { refusal, startTestGateway, type TestGateway } from '../../support/gateway.ts';
import { runTranscript } from '../../support/transcript.ts';
import { openWire } from '../../support/wire_client.ts';

const DIRECTORY = path.join(import.meta.dirname, '..', '..', 'transcripts', 'postgres');
const TRANSCRIPTS = readdirSync(DIRECTORY).filter((file) => file.endsWith('.txt'));
const POLL_MS = 10;
const FORWARDED_MS = 200;

let postgres: Postgres;
let gateway: TestGateway;
let approve: () => void = () => {};

/** Waits for the approval, or for the client to give up. */
function hold(hooks: AdmitHooks): Promise<Refusal | null> {
  hooks.notice('Waiting for an answer');
  return new Promise((resolve) => {
    approve = () => resolve(null);
    hooks.signal.addEventListener('abort', () =>
      resolve(refusal('Withdrawn', 'approval-withdrawn')),
    );
  });
}

beforeAll(async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'sallyport-transcripts-'));
  postgres = await startPostgres({ directory, port: 0 });
  gateway = await startTestGateway({
    upstream: { ...postgres, tls: { mode: 'disable' } },
    judge: async ({ facts }, hooks) => {
      if (facts.tag.includes('DROP')) return refusal('No drops');
      return facts.tag === 'DELETE' && hooks !== null ? hold(hooks) : null;
    },
  });
}, 60_000);

afterAll(async () => {
  await gateway?.close();
  await postgres?.destroy();
});

async function cancel(process: number, secret: number): Promise<void> {
  const other = await openWire(gateway.port);
  other.send(cancelRequest(process, int32(secret)));
  expect(await other.next()).toBeNull();
  other.destroy();
}

test.each(TRANSCRIPTS)('%s', async (file) => {
  const script = readFileSync(path.join(DIRECTORY, file), 'utf8');
  const wire = await openWire(gateway.port);
  let key: readonly [number, number] = [0, 0];
  const acts: Readonly<Record<string, () => Promise<void>>> = {
    approve: async () => approve(),
    cancel: () => cancel(...key),
    'cancel running': async () => {
      while (!gateway.judged.some(({ command }) => command.text.includes('pg_sleep'))) {
        await sleep(POLL_MS);
      }
      // Forwarded a moment after it was judged.
      await sleep(FORWARDED_MS);
      await cancel(...key);
    },
  };
  const said = await runTranscript(script, {
    wire,
    act: async (what) => {
      const act = acts[what];
      if (act === undefined) throw new Error(`Unknown act in a transcript: ${what}`);
      await act();
    },
    onKey: (process, secret) => {
      key = [process, secret];
    },
  });
  wire.destroy();
  expect(said).toBe(script);
});
