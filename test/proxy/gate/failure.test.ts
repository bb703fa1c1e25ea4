/** What a failure looks like in the log. */
import { expect, test } from 'vitest';
import { GatewayError } from '../../../core/errors.ts';
import { failureOf } from '../../../proxy/gate/failure.ts';
import { CANARY } from '../../support/gate_world.ts';

test('the words of an error that is not ours stay out: they may quote a statement', () => {
  const foreign = new TypeError(`Unexpected token in ${CANARY}\n    of ${CANARY}`);
  const shown = failureOf(foreign);
  expect(shown).toMatch(/^TypeError at /);
  expect(shown).toContain('failure.test.ts');
  expect(shown).not.toContain(CANARY);
  const wrapped = new GatewayError('ERR_DECIDE_UNAVAILABLE', 'Cannot ask', { cause: foreign });
  expect(failureOf(wrapped)).toBe('ERR_DECIDE_UNAVAILABLE: Cannot ask (TypeError)');
  expect(failureOf(CANARY)).toBe('string');
});
