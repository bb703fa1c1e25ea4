/** What becomes of a command, for everything that its decision and the gate's neighbours may do. */
import { describe, expect, test } from 'vitest';
import type { PolicyVersion } from '../../../core/brand.ts';
import { spendPermit } from '../../../core/permit.ts';
import {
  ALICE,
  ALLOW,
  APPROVE,
  CANARY,
  commandOf,
  DENIED,
  DENY,
  decisionWith,
  HOLD,
  makeGateWorld,
  nameOf,
  recorded,
  type Script,
  SILENCE,
} from '../../support/gate_world.ts';

const sync = { obligations: { ...ALLOW.obligations, record: 'sync' } };
const async = { obligations: { ...ALLOW.obligations, record: 'async' } };
const failAt = (start: string, when: 'before' | 'after' = 'before') => ({
  fails: (line: string) => (line.startsWith(start) ? when : null),
});

interface Row {
  readonly name: string;
  readonly script: Script;
  readonly becomes: string;
  readonly record: readonly string[];
}

const ROWS: readonly Row[] = [
  {
    name: 'allowed',
    script: { decisions: [ALLOW] },
    becomes: 'permitted',
    record: ['command.intent spool'],
  },
  {
    name: 'allowed, to be recorded surely',
    script: { decisions: [decisionWith(ALLOW, sync)] },
    becomes: 'permitted',
    record: ['command.intent sync'],
  },
  {
    name: 'allowed, to be recorded at leisure',
    script: { decisions: [decisionWith(ALLOW, async)] },
    becomes: 'permitted',
    record: ['command.intent async'],
  },
  {
    name: 'denied',
    script: { decisions: [DENY] },
    becomes: 'denied',
    record: ['command.refused spool'],
  },
  {
    name: 'held and approved: recorded surely, whatever the obligations say',
    script: { decisions: [decisionWith(HOLD, async)], thereupon: [APPROVE] },
    becomes: 'permitted',
    record: ['command.intent sync'],
  },
  {
    name: 'held and denied',
    script: { decisions: [HOLD], thereupon: [DENIED] },
    becomes: 'approval-denied',
    record: ['command.refused spool'],
  },
  {
    name: 'held and revoked',
    script: { decisions: [HOLD], thereupon: [{ kind: 'revoke', by: 'carol', reason: 'No' }] },
    becomes: 'revoked',
    record: ['command.refused spool'],
  },
  {
    name: 'held and withdrawn elsewhere',
    script: { decisions: [HOLD], thereupon: [{ kind: 'withdraw', reason: 'No' }] },
    becomes: 'approval-withdrawn',
    record: ['command.refused spool'],
  },
];

/** Each neighbour down, and in which words that is told. */
const DOWN: readonly Row[] = [
  ...['decide'].map((line) => ({
    name: 'the policy service fails',
    script: failAt(line),
    becomes: 'unavailable',
    record: ['command.refused spool'],
  })),
  ...(
    [
      ['says nothing in time', SILENCE],
      ['throws', new Error(`Cannot read ${CANARY}`)],
      ['answers null', null],
      ['answers a word', 'allow'],
      ['answers another kind', { ...ALLOW, kind: 'maybe' }],
      ['leaves the obligations out', { ...ALLOW, obligations: undefined }],
      ['asks nobody', { ...HOLD, asks: [] }],
      ['says more than it may', { ...ALLOW, grant: true }],
    ] as const
  ).map(([what, decision]) => ({
    name: `the policy service ${what}`,
    script: { decisions: [decision] },
    becomes: 'unavailable',
    record: ['command.refused spool'],
  })),
  {
    name: 'the intent cannot be recorded',
    script: failAt('append command.intent'),
    becomes: 'recording-failed',
    record: ['command.refused spool'],
  },
  {
    name: 'nothing can be recorded',
    script: failAt('append'),
    becomes: 'recording-failed',
    record: [],
  },
  {
    name: 'a denial cannot be recorded',
    script: { decisions: [DENY], ...failAt('append') },
    becomes: 'recording-failed',
    record: [],
  },
  {
    name: 'the approval service cannot be reached',
    script: { decisions: [HOLD], thereupon: [APPROVE], ...failAt('open') },
    becomes: 'unavailable',
    record: ['command.refused spool'],
  },
  {
    name: 'the request is opened, and the answer is lost',
    script: { decisions: [HOLD], thereupon: [APPROVE], ...failAt('open', 'after') },
    becomes: 'unavailable',
    record: ['command.refused spool'],
  },
  {
    name: 'the grant cannot be spent',
    script: { decisions: [HOLD], thereupon: [APPROVE], ...failAt('consume') },
    becomes: 'unavailable',
    record: ['command.refused spool'],
  },
  {
    name: 'the grant is spent, and the answer is lost',
    script: { decisions: [HOLD], thereupon: [APPROVE], ...failAt('consume', 'after') },
    becomes: 'unavailable',
    record: ['command.refused spool'],
  },
  {
    name: 'the steps of an approval cannot be recorded',
    script: { decisions: [HOLD], ...failAt('append approval.step') },
    becomes: 'recording-failed',
    record: ['command.refused spool'],
  },
  {
    name: 'the intent of an approved command cannot be recorded',
    script: { decisions: [HOLD], thereupon: [APPROVE], ...failAt('append command.intent') },
    becomes: 'recording-failed',
    record: ['command.refused spool'],
  },
  {
    name: 'the policy service fails once it is approved',
    script: { decisions: [HOLD, new Error('down')], thereupon: [APPROVE] },
    becomes: 'unavailable',
    record: ['command.refused spool'],
  },
];

async function check({ script, becomes, record }: Row): Promise<void> {
  const world = makeGateWorld(script);
  const command = commandOf();
  const admission = await world.admit(command);
  expect(nameOf(admission)).toBe(becomes);
  expect(recorded(world)).toEqual(record);
  if (admission.kind === 'permitted') {
    expect(spendPermit(admission.permit)).toEqual(command.frame);
    expect(() => spendPermit(admission.permit)).toThrow('spent once');
  } else {
    expect(admission.refusal.message).not.toBe('');
  }
}

describe('a command', () => {
  test.each(ROWS)('$name: $becomes', check);
});

describe('fail closed', () => {
  test.each(DOWN)('$name: $becomes', check);
});

describe('what ends sessions', () => {
  test.each([
    ['is revoked', { revoked: true }, 'revoked'],
    ['has a token that expired', { ms: 3_600_000 }, 'revoked'],
    ['cannot be checked for revocation', { lost: true }, 'unavailable'],
  ] as const)(
    'a session that %s neither runs, prepares nor connects',
    async (_name, change, becomes) => {
      const world = makeGateWorld();
      await world.admit(commandOf(6));
      world.journal.length = 0;
      Object.assign(world.state, change);
      expect(nameOf(await world.admit())).toBe(becomes);
      expect(nameOf(await world.gate.prepare(ALICE, commandOf()))).toBe(becomes);
      const connected = await world.gate.connect(ALICE);
      expect(connected.kind === 'refused' ? connected.refusal.kind : 'allowed').toBe(becomes);
      expect(world.journal.filter((line) => line.startsWith('decide'))).toEqual([]);
    },
  );

  test('counts at the moment that the decision arrives', async () => {
    const world = makeGateWorld();
    const admission = world.admit();
    world.state.revoked = true;
    expect(nameOf(await admission)).toBe('revoked');
    expect(recorded(world)).toEqual(['command.refused spool']);
  });

  test('a client that cancels while the decision is awaited runs nothing', async () => {
    const world = makeGateWorld({ decisions: [SILENCE] });
    const admission = world.admit();
    world.leave();
    expect(nameOf(await admission)).toBe('approval-withdrawn');
    expect(recorded(world)).toEqual(['command.refused spool']);
  });
});

describe('the record', () => {
  test('has the intent before there is a permit', async () => {
    for (const decision of [ALLOW, decisionWith(ALLOW, sync), HOLD]) {
      const world = makeGateWorld({ decisions: [decision], thereupon: [APPROVE] });
      const admission = world.admit().then((answer) => {
        world.journal.push(nameOf(answer));
      });
      await admission;
      const intent = world.journal.findIndex((line) => /^append command\.intent \w+$/.test(line));
      expect(intent).toBeGreaterThan(-1);
      expect(world.journal.indexOf('permitted')).toBeGreaterThan(intent);
    }
  });

  test('has the same command on its result, once', async () => {
    const world = makeGateWorld();
    await world.admit();
    const outcome = {
      status: 'succeeded',
      sqlState: '',
      rows: 1,
      bytes: 9,
      durationMs: 2,
      masked: [],
    } as const;
    world.gate.settle(ALICE, commandOf().id, outcome);
    world.gate.settle(ALICE, commandOf().id, outcome);
    await new Promise((resolve) => setImmediate(resolve));
    const [intent, result, ...more] = world.events.map(({ body }) => body);
    if (intent?.kind !== 'command.intent') throw new Error('The intent is missing');
    expect(result).toEqual({ kind: 'command.result', record: intent.record, outcome });
    expect(more).toEqual([]);
  });

  test('of what the adapter refuses by itself rejects where it cannot be kept', async () => {
    const refusal = {
      kind: 'denied',
      message: 'No',
      hint: '',
      policies: [],
      request: null,
    } as const;
    const world = makeGateWorld();
    await world.gate.refuse(ALICE, commandOf(), refusal);
    expect(recorded(world)).toEqual(['command.refused spool']);
    const broken = makeGateWorld(failAt('append'));
    await expect(broken.gate.refuse(ALICE, commandOf(), refusal)).rejects.toMatchObject({
      code: 'ERR_RECORDING_FAILED',
    });
  });

  test('of a preparation has refusals only', async () => {
    const becomes = async (decision: unknown) => {
      const world = makeGateWorld({ decisions: [decision] });
      const admission = await world.gate.prepare(ALICE, commandOf());
      return [nameOf(admission), ...recorded(world), world.requests.size];
    };
    expect(await becomes(ALLOW)).toEqual(['permitted', 0]);
    expect(await becomes(HOLD)).toEqual(['permitted', 0]);
    expect(await becomes(DENY)).toEqual(['denied', 'command.refused spool', 0]);
    expect(await becomes(null)).toEqual(['unavailable', 'command.refused spool', 0]);
  });
});

describe('connecting', () => {
  test.each([
    [ALLOW, 'allowed'],
    [DENY, 'denied'],
    [HOLD, 'denied'],
    [null, 'unavailable'],
    [SILENCE, 'unavailable'],
  ])('case %#', async (decision, becomes) => {
    const answer = await makeGateWorld({ decisions: [decision] }).gate.connect(ALICE);
    expect(answer.kind === 'allowed' ? 'allowed' : answer.refusal.kind).toBe(becomes);
  });
});

describe('memory', () => {
  const asked = (journal: readonly string[]) => journal.filter((line) => line === 'decide').length;

  test('answers the second time, and not while the control state is stale', async () => {
    const world = makeGateWorld();
    await world.admit(commandOf(1));
    await world.admit(commandOf(2));
    expect(asked(world.journal)).toBe(1);
    world.state.fresh = false;
    await world.admit(commandOf(3));
    expect(asked(world.journal)).toBe(2);
    world.state.fresh = true;
    world.gate.forget();
    await world.admit(commandOf(4));
    expect(asked(world.journal)).toBe(3);
  });

  test('keeps nothing that was judged by other policies than the published ones', async () => {
    const world = makeGateWorld({ policyVersion: 'version-2' as PolicyVersion });
    await world.admit(commandOf(1));
    await world.admit(commandOf(2));
    expect(asked(world.journal)).toBe(2);
  });
});
