/** What passes between proxy/gate and functions/decide. */
import * as v from 'valibot';
import { SessionContext } from '../command.ts';
import { Decision } from '../decision.ts';
import { Facts } from '../facts.ts';
import { Principal } from '../principal.ts';
import { Target } from '../target.ts';

/** May this principal open a session on this target? Asked once, at login. */
export const ConnectQuestion = v.strictObject({
  question: v.literal('connect'),
  principal: Principal,
  target: Target,
});

/** May this principal run this command? The answer is a pure function of the question and the policies. */
export const CommandQuestion = v.strictObject({
  question: v.literal('command'),
  principal: Principal,
  target: Target,
  context: SessionContext,
  facts: Facts,
});

export const DecideRequest = v.variant('question', [ConnectQuestion, CommandQuestion]);
export type DecideRequest = v.InferOutput<typeof DecideRequest>;

export const DecideResponse = Decision;
export type DecideResponse = v.InferOutput<typeof DecideResponse>;
