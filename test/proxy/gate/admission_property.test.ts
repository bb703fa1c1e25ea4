/** Whatever the gate's neighbours do, and whenever the client leaves. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  ALLOW,
  APPROVE,
  CANARY,
  DENIED,
  DENY,
  HOLD,
  makeGateWorld,
  recorded,
} from '../../support/gate_world.ts';

const EVENTS = [[], [APPROVE], [DENIED], [{ kind: 'withdraw', reason: 'No' } as const]];
const LINES = ['decide', 'open', 'consume', 'read', 'withdraw', 'outcome', 'renew'];
const APPENDS = ['append command.intent', 'append command.refused', 'append approval.step'];

describe('whatever fails, and whenever', () => {
  const anyDecision = fc.constantFrom<unknown>(
    ALLOW,
    DENY,
    HOLD,
    HOLD,
    HOLD,
    null,
    new Error('no'),
  );
  const anyScript = fc.record({
    decisions: fc.array(anyDecision, { minLength: 1, maxLength: 2 }),
    thereupon: fc.constantFrom(...EVENTS),
    failing: fc.subarray([...LINES, ...APPENDS], { maxLength: 3 }),
    when: fc.constantFrom('before' as const, 'after' as const),
    leaveAt: fc.integer({ min: 0, max: 30 }),
  });

  test('nothing is permitted unrecorded or unapproved, and nothing secret is kept', async () => {
    await fc.assert(
      fc.asyncProperty(anyScript, async ({ decisions, thereupon, failing, when, leaveAt }) => {
        const world = makeGateWorld({
          decisions,
          thereupon,
          fails: (line) => (failing.some((start) => line.startsWith(start)) ? when : null),
        });
        const turns = async () => {
          for (let turn = 0; turn < leaveAt; turn += 1) {
            await new Promise((resolve) => setImmediate(resolve));
          }
          world.leave();
        };
        const [admission] = await Promise.all([world.admit(), turns()]);
        await world.gate.settled();
        const done = (line: string) => world.journal.filter((entry) => entry === line).length;
        const permitted = admission.kind === 'permitted';
        const intents = done('append command.intent spool') + done('append command.intent sync');
        if (permitted) {
          expect(intents).toBe(1);
          expect(recorded(world)).not.toContain('command.refused spool');
        }
        const [request] = [...world.requests.values()];
        if (permitted && request !== undefined) {
          expect(request.status).toBe('consumed');
          expect(done('append command.intent sync')).toBe(1);
          expect(world.journal.indexOf('consume')).toBeLessThan(
            world.journal.indexOf('append command.intent sync begins'),
          );
        }
        // Spent and never run: the card must not go on saying that it runs.
        const told = !failing.includes('outcome');
        if (!permitted && request?.status === 'consumed' && told) {
          expect(request.outcome).toBe('failed');
        }
        // Refused: nobody can grant it any more, where functions/approvals could be told.
        const reachable = !failing.includes('withdraw') || when === 'after';
        if (!permitted && request !== undefined && reachable) {
          expect(['consumed', 'denied', 'withdrawn']).toContain(request.status);
        }
        expect(JSON.stringify([world.events, world.logged, world.notices])).not.toContain(CANARY);
      }),
      { numRuns: 300 },
    );
  });
});
