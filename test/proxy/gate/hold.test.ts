/** Commands that wait for people: what is asked, told, recorded and taken back. */
import { describe, expect, test } from 'vitest';
import { GRANT_SECONDS } from '../../../core/approval/machine.ts';
import type { Command } from '../../../core/command.ts';
import type { Outcome } from '../../../core/recording/event.ts';
import { HELD_STATEMENT_MAX } from '../../../core/wire/approvals.ts';
import { ASK } from '../../support/approval_requests.ts';
import {
  ALICE,
  ALLOW,
  APPROVE,
  BOB,
  CANARY,
  commandOf,
  DENIED,
  DENY,
  decisionWith,
  type GateWorld,
  HOLD,
  makeGateWorld,
  nameOf,
  recorded,
  stepsOf,
} from '../../support/gate_world.ts';

const CAROL = { ...BOB, subject: 'carol', email: 'carol@example.com' };
const turn = () => new Promise((resolve) => setTimeout(resolve, 2));

async function until(what: () => boolean): Promise<void> {
  for (let tries = 0; !what(); tries += 1) {
    if (tries > 500) throw new Error('It never came to that');
    await turn();
  }
}

function requestOf(world: GateWorld) {
  const [request] = [...world.requests.values()];
  if (request === undefined) throw new Error('There is no request');
  return request;
}

const OUTCOME: Outcome = {
  status: 'succeeded',
  sqlState: '',
  rows: 1,
  bytes: 0,
  durationMs: 1,
  masked: [],
};

describe('while it waits', () => {
  test('the client hears the id, whom it waits for, and every vote', async () => {
    const world = makeGateWorld({
      decisions: [decisionWith(HOLD, { asks: [{ ...ASK, quorum: 2 }] })],
    });
    const admission = world.admit();
    await until(() => world.notices.length === 1);
    expect(world.notices[0]).toContain('Waiting for 2 of group dba to approve');
    expect(world.notices[0]).toContain(requestOf(world).id);
    world.act(APPROVE);
    await until(() => world.notices.length === 2);
    expect(world.notices[1]).toContain('Approved by bob');
    world.act({ ...APPROVE, voter: CAROL } as typeof APPROVE);
    expect(nameOf(await admission)).toBe('permitted');
  });

  test('each status, vote and viewing becomes an event', async () => {
    const world = makeGateWorld({ decisions: [HOLD] });
    const admission = world.admit();
    await until(() => world.notices.length === 1);
    world.act({ kind: 'view', viewer: BOB });
    await until(() => stepsOf(world).length === 2);
    world.act(APPROVE);
    await admission;
    expect(stepsOf(world)).toEqual(['requested', 'viewed', 'vote', 'approved', 'consumed']);
    const details = world.events.flatMap(({ body }) =>
      body.kind === 'approval.step' ? [body.detail] : [],
    );
    expect(details[1]).toMatch(/^bob was shown the whole statement at \d{4}-/);
    expect(details[2]).toMatch(/^bob answered approve by slack at \d{4}-/);
  });

  test('the card gets what is masked, the seal gets what will run', async () => {
    const asked: unknown[] = [];
    const world = makeGateWorld({ decisions: [HOLD], thereupon: [APPROVE] });
    const command = commandOf();
    await world.admit(command);
    asked.push(requestOf(world).shown);
    expect(JSON.stringify(asked)).not.toContain(CANARY);
    expect(requestOf(world).shown).toEqual(command.redacted);
  });
});

describe('when the client leaves', () => {
  test('the request is withdrawn, and nothing runs on an approval that comes later', async () => {
    const world = makeGateWorld({ decisions: [HOLD] });
    const admission = world.admit();
    await until(() => world.notices.length === 1);
    world.leave();
    expect(nameOf(await admission)).toBe('approval-withdrawn');
    await world.gate.settled();
    expect(requestOf(world).status).toBe('withdrawn');
    expect(world.act(APPROVE)).toMatchObject({ result: 'refused' });
    expect(stepsOf(world)).toEqual(['requested', 'withdrawn']);
    expect(recorded(world)).toEqual(['command.refused spool']);
  });

  test('all is given to the recorder before the loop turns, for the session ends then', async () => {
    // Also where it is still busy with an earlier step.
    const slow = (line: string) => line.startsWith('append approval.step');
    const world = makeGateWorld({ decisions: [HOLD], slow });
    const seen = new Promise<readonly string[]>((resolve) => {
      world.told.onNotice = () => {
        setImmediate(() => {
          world.leave();
          setImmediate(() => resolve([...world.journal]));
        });
      };
    });
    const admission = world.admit();
    expect((await seen).filter((line) => line.startsWith('append'))).toEqual([
      'append approval.step spool begins',
      'append approval.step spool begins',
      'append command.refused spool begins',
    ]);
    expect(nameOf(await admission)).toBe('approval-withdrawn');
  });

  test.each(['decide begins', 'consume begins', 'consume'])(
    'at "%s" after the approval, it does not run',
    async (line) => {
      const world = makeGateWorld({ decisions: [HOLD] });
      const admission = world.admit();
      await until(() => world.notices.length === 1);
      world.journal.length = 0;
      const push = world.journal.push.bind(world.journal);
      world.journal.push = (...lines) => {
        if (lines.includes(line)) world.leave();
        return push(...lines);
      };
      world.act(APPROVE);
      expect(nameOf(await admission)).toBe('approval-withdrawn');
      await world.gate.settled();
      const { status, outcome } = requestOf(world);
      expect([status, outcome]).toEqual(
        line === 'decide begins' ? ['withdrawn', null] : ['consumed', 'failed'],
      );
      expect(recorded(world)).toEqual(['command.refused spool']);
    },
  );
});

describe('once approved', () => {
  const approvedThen = async (again: unknown) => {
    const world = makeGateWorld({ decisions: [HOLD, again], thereupon: [APPROVE] });
    const admission = await world.admit();
    await world.gate.settled();
    return { admission, world };
  };

  test.each([
    ['denied now', DENY, 'denied'],
    [
      'held now for more than was asked',
      decisionWith(HOLD, { asks: [ASK, { ...ASK, policy: 'another', approvers: ['security'] }] }),
      'denied',
    ],
    ['held now for more people', decisionWith(HOLD, { asks: [{ ...ASK, quorum: 2 }] }), 'denied'],
    ['held now for others', decisionWith(HOLD, { asks: [{ ...ASK, approvers: ['x'] }] }), 'denied'],
    [
      'held now for a surer sign-in',
      decisionWith(HOLD, { asks: [{ ...ASK, assurance: 'idp' }] }),
      'denied',
    ],
  ])('%s: refused, and taken back unspent', async (_name, again, becomes) => {
    const { admission, world } = await approvedThen(again);
    expect(nameOf(admission)).toBe(becomes);
    expect(requestOf(world).status).toBe('withdrawn');
    expect(world.journal).not.toContain('consume');
  });

  test.each([
    ['held as before', HOLD],
    ['allowed by now', ALLOW],
  ])('%s: it runs under the obligations of now', async (_name, again) => {
    const mask = [{ column: 'public.customers.email', style: 'full' as const }];
    const stricter = decisionWith(again, { obligations: { ...HOLD.obligations, mask } });
    const { admission, world } = await approvedThen(stricter);
    expect(admission.kind === 'permitted' ? admission.obligations.mask : null).toEqual(mask);
    expect(requestOf(world).status).toBe('consumed');
    const [intent] = world.events.flatMap(({ body }) =>
      body.kind === 'command.intent' ? [body.record] : [],
    );
    expect(intent).toMatchObject({ decision: 'hold', approval: { approvers: ['bob'] } });
  });

  test('a revocation in between wins', async () => {
    const world = makeGateWorld({ decisions: [HOLD] });
    const admission = world.admit();
    await until(() => world.notices.length === 1);
    world.state.revoked = true;
    world.act(APPROVE);
    expect(nameOf(await admission)).toBe('revoked');
    expect(world.journal).not.toContain('consume');
  });

  test.each<[string, (command: Command) => void]>([
    ['the frame', ({ frame }) => frame.set([66], 0)],
    ['a bound value', ({ parameters: [first] }) => first?.value?.set([66], 0)],
  ])('%s changed under its feet: refused', async (_name, change) => {
    const world = makeGateWorld({ decisions: [HOLD] });
    const command = commandOf();
    const admission = world.admit(command);
    await until(() => world.notices.length === 1);
    change(command);
    world.act(APPROVE);
    expect(nameOf(await admission)).toBe('approval-denied');
    await world.gate.settled();
    expect(requestOf(world).status).toBe('withdrawn');
  });

  test('a grant that was not spent in time is refused', async () => {
    const world = makeGateWorld({ decisions: [HOLD] });
    const admission = world.admit();
    await until(() => world.notices.length === 1);
    world.act(APPROVE);
    world.state.ms += GRANT_SECONDS * 1000;
    expect(nameOf(await admission)).not.toBe('permitted');
  });

  test.each([
    ['succeeded', 'succeeded'],
    ['failed', 'failed'],
    ['cancelled', 'failed'],
    ['unknown', 'unknown'],
  ] as const)('an outcome of %s is reported as %s', async (status, reported) => {
    const world = makeGateWorld({ decisions: [HOLD], thereupon: [APPROVE] });
    await world.admit();
    world.gate.settle(ALICE, commandOf().id, { ...OUTCOME, status });
    await world.gate.settled();
    expect(requestOf(world).outcome).toBe(reported);
  });

  test('nothing of it is remembered: the same statement asks again', async () => {
    const world = makeGateWorld({ decisions: [HOLD], thereupon: [APPROVE] });
    await world.admit(commandOf(1));
    await world.admit(commandOf(2));
    expect(world.requests.size).toBe(2);
  });
});

describe('what cannot be held', () => {
  test('a statement too long to be shown is refused, and nobody is asked', async () => {
    const command = commandOf(7, { text: 'x'.repeat(HELD_STATEMENT_MAX), parameters: [] });
    const fits = makeGateWorld({ decisions: [HOLD], thereupon: [DENIED] });
    expect(nameOf(await fits.admit(command))).toBe('approval-denied');
    const world = makeGateWorld({ decisions: [HOLD] });
    const longer = { ...command, text: `${command.text}x` };
    expect(nameOf(await world.admit(longer))).toBe('denied');
    expect(world.requests.size).toBe(0);
  });
});
