/** What `verify` finds of every attack on an archive that comes about by the real functions. */
import * as fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import type { EpochMs } from '../../../core/brand.ts';
import { canonicalJson } from '../../../core/recording/canonical_json.ts';
import { genesisHash, sealEvent } from '../../../core/recording/chain.ts';
import type { Digest } from '../../../core/recording/digest.ts';
import { signedText } from '../../../core/recording/digest.ts';
import type { RecordedEvent } from '../../../core/recording/event.ts';
import {
  makeSegment,
  manifestKey,
  parseSegment,
  recordingPrefix,
} from '../../../core/recording/segment.ts';
import type { FindingKind, Report } from '../../../core/recording/verify.ts';
import { later, makeKeys, makeWorld, threeHours, type World } from '../../support/evidence.ts';
import { type Recorded, recordSession } from '../../support/recorded_sessions.ts';
import { START, session, sha256 } from '../../support/recording.ts';

let world: World;
let recorded: readonly Recorded[];
beforeEach(async () => {
  ({ world, recorded } = await threeHours());
});

const kinds = (report: Report) => [...new Set(report.findings.map(({ kind }) => kind))].sort();

const sorted = (...expected: FindingKind[]) => [...expected].sort();

function segmentsOf({ session: { id } }: Recorded): readonly string[] {
  return world.archive.keys(recordingPrefix(id)).filter((key) => key.endsWith('.zst'));
}

function first(list: readonly string[]): string {
  const [key] = list;
  if (key === undefined) throw new Error('there is none');
  return key;
}

const one = () => recorded[0] ?? expect.unreachable();
const digests = () => world.archive.keys('digests/');

function rewrite(key: string, change: (text: string) => string): void {
  const before = world.archive.text(key);
  const after = change(before);
  expect(after).not.toBe(before);
  world.archive.replace(key, after);
}

const asLines = (events: readonly RecordedEvent[]) =>
  events.map((event) => `${JSON.stringify(event)}\n`).join('');

describe('an archive that nobody touched', () => {
  test('is clean, and counted', async () => {
    expect(await world.verify()).toEqual({
      checkedAt: world.now,
      findings: [],
      digests: { count: 3, newestAt: world.now },
      objects: { signed: 9 + 4, pending: 0 },
      sessions: { ended: 3, open: 0 },
      events: 8 + 6 + 10,
    });
    expect(digests()).toEqual([
      'digests/2026/11/23/23.json',
      'digests/2026/11/24/00.json',
      'digests/2026/11/24/01.json',
    ]);
  });

  test('of no digest yet is pending, then unsigned', async () => {
    const young = makeWorld();
    await young.archiveSessions([recordSession(session())]);
    expect(await young.verify()).toMatchObject({
      findings: [],
      objects: { signed: 0, pending: 5 },
    });
    expect(kinds(await young.verify(later(START, 151)))).toEqual(['object-unsigned']);
  });

  test('with an open session says so, until its token has expired', async () => {
    const live = recordSession(session({ at: world.now }), 1, false);
    await world.archiveSessions([live]);
    const report = await world.verify(later(world.now, 10));
    expect(report).toMatchObject({ findings: [], sessions: { ended: 3, open: 1 } });
    expect(kinds(await world.verify(later(world.now, 76)))).toEqual(['session-unended']);
  });

  test('stays clean with copies, overlaps and a bad record more', async () => {
    await world.archiveSessions(recorded, 5);
    world.now = later(world.now, 60);
    await world.signDigest();
    expect((await world.verify()).findings).toEqual([]);
  });
});

describe('attack', () => {
  type Attack = [name: string, attack: () => void | Promise<void>, found: readonly FindingKind[]];
  const attacks: Attack[] = [
    [
      'edit one statement',
      () => rewrite(first(segmentsOf(one())), (text) => text.replace('id = 1', 'id = 2')),
      sorted('object-changed', 'object-foreign', 'event-edited', 'table-mismatch'),
    ],
    [
      'drop one event',
      () => rewrite(first(segmentsOf(one())), (text) => text.replace(/\n.*\n/, '\n')),
      sorted('object-changed', 'object-foreign', 'event-dropped', 'table-mismatch'),
    ],
    [
      'swap two events',
      () =>
        rewrite(first(segmentsOf(one())), (text) => {
          const [a, b, c] = text.trimEnd().split('\n');
          const swap = (line = '', seq = 0) => line.replace(/"seq":\d+/, `"seq":${seq}`);
          return `${[a, swap(c, 1), swap(b, 2)].join('\n')}\n`;
        }),
      sorted('object-changed', 'object-foreign', 'event-edited', 'event-broken', 'table-mismatch'),
    ],
    [
      'rewrite the whole chain consistently, manifest, names and all',
      () => rewriteChain(one()),
      sorted('object-missing', 'object-changed', 'object-unsigned', 'table-mismatch'),
    ],
    [
      'truncate the tail: the last segment and the manifest',
      () => {
        world.archive.objects.delete(segmentsOf(one())[1] ?? '');
        world.archive.objects.delete(manifestKey(one().session.id));
      },
      sorted('object-missing', 'session-unended', 'table-mismatch'),
    ],
    [
      'truncate the tail, and leave the manifest',
      () => void world.archive.objects.delete(segmentsOf(one())[1] ?? ''),
      sorted('object-missing', 'manifest-mismatch', 'table-mismatch'),
    ],
    [
      'delete a manifest',
      () => void world.archive.objects.delete(manifestKey(one().session.id)),
      sorted('object-missing', 'manifest-missing'),
    ],
    [
      'delete a session',
      () => {
        for (const key of world.archive.keys(recordingPrefix(one().session.id))) {
          world.archive.objects.delete(key);
        }
      },
      sorted('session-missing', 'table-mismatch'),
    ],
    [
      'delete the first digest',
      () => void world.archive.objects.delete(digests()[0] ?? ''),
      sorted('digest-missing', 'object-unsigned'),
    ],
    [
      'delete a middle digest',
      () => void world.archive.objects.delete(digests()[1] ?? ''),
      sorted('digest-missing', 'object-unsigned'),
    ],
    [
      'edit a digest',
      () => rewrite(digests()[1] ?? '', (text) => text.replace(/"size":\d+/, '"size":1')),
      sorted('digest-invalid', 'digest-broken'),
    ],
    [
      'sign a digest anew with another key',
      () => resign(digests()[1] ?? '', makeKeys().sign),
      sorted('digest-invalid', 'digest-broken'),
    ],
    [
      'sign a digest anew with the right key, a stolen one',
      () => resign(digests()[1] ?? '', world.keys.sign),
      sorted('digest-broken'),
    ],
    [
      'make a digest unreadable',
      () => rewrite(digests()[1] ?? '', () => 'gone'),
      sorted('digest-invalid', 'digest-missing', 'object-unsigned'),
    ],
    [
      'copy a digest to another hour',
      () =>
        world.archive.replace('digests/2026/11/24/05.json', world.archive.text(digests()[2] ?? '')),
      sorted('digest-invalid', 'digest-broken'),
    ],
    [
      'add an object that no digest signed',
      async () => {
        world.now = START;
        await world.archiveSessions([recordSession(session())]);
        world.now = later(START, 190);
      },
      sorted('object-unsigned'),
    ],
    [
      'add an object under a name of its own',
      () => world.archive.replace('recordings/dt=2026-11-23/notes.txt', 'nothing happened'),
      sorted('object-foreign'),
    ],
    [
      'put a recording where readers do not look for it',
      () => {
        const key = first(segmentsOf(one()));
        const moved = key.replace('dt=2026-11-23', 'dt=2026-11-20');
        world.archive.replace(moved, world.archive.text(key));
      },
      sorted('object-foreign'),
    ],
    [
      'delete a file of the table',
      () => void world.archive.objects.delete(first(world.archive.keys('events/'))),
      sorted('object-missing', 'table-incomplete'),
    ],
    [
      'put the table of another day in its place',
      () => {
        const [to = '', from = ''] = world.archive.keys('events/');
        const bytes = world.archive.objects.get(from);
        if (bytes !== undefined) world.archive.objects.set(to, bytes);
      },
      sorted('object-changed', 'table-incomplete'),
    ],
    [
      'damage a file of the table',
      () => world.archive.replace(first(world.archive.keys('events/')), 'PAR1'),
      sorted('object-changed', 'table-incomplete'),
    ],
    [
      'damage a segment',
      () => {
        const object = world.archive.objects.get(first(segmentsOf(one())));
        object?.bytes.fill(0, 8, 40);
      },
      sorted('object-changed', 'object-foreign', 'event-dropped', 'table-mismatch'),
    ],
  ];

  test.each(attacks)('%s', async (_, attack, found) => {
    await attack();
    expect(kinds(await world.verify())).toEqual(found);
  });

  test('a record that could not be archived is named, and nothing is hidden by it', async () => {
    world.archive.replace('quarantine/shardId-000000000000-7.json', '{}');
    expect(kinds(await world.verify())).toEqual(['quarantined']);
  });

  test('findings name the session and the event', async () => {
    rewrite(first(segmentsOf(one())), (text) => text.replace('id = 1', 'id = 2'));
    const { findings } = await world.verify();
    const edited = findings.find(({ kind }) => kind === 'event-edited');
    expect(edited).toMatchObject({ session: one().session.id, seq: 1 });
  });
});

/** As somebody would who can write everything but sign: all hashes are right again. */
function rewriteChain({ session: { id } }: Recorded): void {
  const keys = segmentsOf(one());
  const events = keys.flatMap((key) => parseSegment(world.archive.text(key)));
  let prev = genesisHash(sha256, id);
  const lines = events.map(({ seq, at, body, who }) => {
    const changed =
      body.kind === 'command.intent' || body.kind === 'command.result'
        ? { ...body, record: { ...body.record, statement: 'select 1' } }
        : body;
    const whoJson = canonicalJson(who);
    const sealed = sealEvent(sha256, { session: id, seq, at, prev, body: changed, whoJson });
    prev = sealed.hash;
    return { seq, line: sealed.line };
  });
  for (const key of keys) world.archive.objects.delete(key);
  const segment = makeSegment(sha256, id, lines);
  world.archive.now = START;
  world.archive.replace(segment.key, segment.text);
  rewrite(manifestKey(id), (text) => text.replace(/"head":"\w+"/, `"head":"${prev}"`));
}

async function resign(key: string, sign: World['keys']['sign']): Promise<void> {
  const digest = JSON.parse(world.archive.text(key)) as Digest;
  const objects = digest.document.objects.map((object) => ({ ...object }));
  const document = { ...digest.document, at: (digest.document.at + 1) as EpochMs, objects };
  const { signature } = await sign(signedText(sha256, document));
  const forged = { ...digest, document, signature: Buffer.from(signature).toString('base64') };
  world.archive.replace(key, JSON.stringify(forged));
}

describe('any mutation', () => {
  const bytesOf = (key: string) => world.archive.objects.get(key)?.bytes ?? new Uint8Array();

  test('of one byte of any object is found', async () => {
    const keys = world.archive.keys();
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...keys),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        async (key, at, flip) => {
          const before = bytesOf(key);
          const changed = Uint8Array.from(before);
          const place = at % changed.length;
          changed[place] = (changed[place] ?? 0) ^ flip;
          world.archive.objects.set(key, { bytes: changed, modifiedAt: START });
          const { findings } = await world.verify();
          world.archive.objects.set(key, { bytes: before, modifiedAt: START });
          expect(findings).not.toEqual([]);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('of the set of objects is found, but for the newest digest', async () => {
    const newest = digests().at(-1);
    const keys = world.archive.keys().filter((key) => key !== newest);
    for (const key of keys) {
      const object = world.archive.objects.get(key);
      world.archive.objects.delete(key);
      const { findings } = await world.verify();
      if (object !== undefined) world.archive.objects.set(key, object);
      expect([key, findings]).not.toEqual([key, []]);
    }
  });

  test('of the order, the number or the content of events is found by the chain alone', async () => {
    const { events, session: live } = recordSession(session(), 4);
    const change = fc.oneof(
      fc.record({ drop: fc.nat({ max: events.length - 2 }) }),
      fc.record({ edit: fc.nat({ max: events.length - 1 }), text: fc.string({ minLength: 1 }) }),
      fc.record({
        from: fc.nat({ max: events.length - 1 }),
        to: fc.nat({ max: events.length - 1 }),
      }),
    );
    const { checkSession } = await import('../../../core/recording/verify_session.ts');
    fc.assert(
      fc.property(change, (mutation) => {
        const mutated = [...events];
        if ('drop' in mutation) mutated.splice(mutation.drop, 1);
        else if ('edit' in mutation) {
          const event = mutated[mutation.edit];
          if (event === undefined) return;
          const client = `${event.who.client}${mutation.text}`;
          mutated[mutation.edit] = { ...event, who: { ...event.who, client } };
        } else {
          const [a, b] = [mutated[mutation.from], mutated[mutation.to]];
          if (a === undefined || b === undefined || a === b) return;
          mutated[mutation.from] = { ...b, seq: a.seq };
          mutated[mutation.to] = { ...a, seq: b.seq };
        }
        const parts = { session: live.id, events: parseSegment(asLines(mutated)), manifest: null };
        const found = checkSession(sha256, world.now, parts).findings;
        expect(found.filter(({ kind }) => kind.startsWith('event-'))).not.toEqual([]);
      }),
    );
  });
});

test('a key of another kind is refused', async () => {
  const { verifyArchive } = await import('../../../bin/archive/verify.ts');
  for (const publicKeyPem of ['', 'not a key', makeKeys('P-384').publicKeyPem]) {
    const { archive, now } = world;
    const checked = verifyArchive({ archive, now, publicKeyPem });
    await expect(checked).rejects.toMatchObject({ code: 'ERR_CONFIG_INVALID' });
  }
});
