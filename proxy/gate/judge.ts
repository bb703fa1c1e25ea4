/** Gets a decision: from memory where one may be, else by asking. Never decides by itself. */
import type { Sha256 } from '../../core/approval/binding.ts';
import type { Command } from '../../core/command.ts';
import type { Decision } from '../../core/decision.ts';
import type { Session } from '../../core/session.ts';
import type { Clock } from '../services.ts';
import type { PolicyState } from './control.ts';
import type { Decide } from './decide_client.ts';
import { makeKeyOf, makeMemory } from './memory.ts';

export interface Judge {
  /** What is remembered, and may be used: nothing while the control state is stale. */
  readonly recall: (session: Session, command: Command) => Decision | null;
  /** Asks, with whoever asks the same at the same time. Rejects with ERR_DECIDE_UNAVAILABLE. */
  readonly ask: (session: Session, command: Command) => Promise<Decision>;
  /** A question of its own: before an approved command runs. Rejects likewise. */
  readonly anew: (session: Session, command: Command) => Promise<Decision>;
  /** Rejects likewise. */
  readonly connect: (session: Session) => Promise<Decision>;
  /** The policies changed, or may have. */
  readonly forget: () => void;
}

export interface JudgeDeps {
  readonly decide: Decide;
  readonly clock: Clock;
  readonly sha256: Sha256;
  readonly policyState: Pick<PolicyState, 'fresh' | 'versions' | 'policyVersion'>;
}

export function makeJudge({ decide, clock, sha256, policyState }: JudgeDeps): Judge {
  const memory = makeMemory(clock);
  const keyOf = makeKeyOf(sha256);
  const keyFor = (session: Session, { context, facts }: Command) =>
    keyOf(policyState.versions(), { session, context, facts });

  const anew = ({ principal, target }: Session, { context, facts }: Command) =>
    decide({ question: 'command', principal, target, context, facts });

  const memorable = async (session: Session, command: Command): Promise<Decision> => {
    const decision = await anew(session, command);
    const published = policyState.policyVersion();
    // Judged by policies that are no longer, or not yet, the published ones: good now, not for later.
    const other = published !== null && decision.policyVersion !== published;
    return other ? { ...decision, ttlSeconds: 0 } : decision;
  };

  return {
    recall: (session, command) =>
      policyState.fresh()
        ? memory.recall(keyFor(session, command), () => memorable(session, command))
        : null,
    ask: (session, command) =>
      memory.ask(keyFor(session, command), () => memorable(session, command)),
    anew,
    connect: ({ principal, target }) => decide({ question: 'connect', principal, target }),
    forget: memory.forget,
  };
}
