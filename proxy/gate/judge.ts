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
  /** Rejects with ERR_DECIDE_UNAVAILABLE. */
  readonly command: (session: Session, command: Command) => Promise<Decision>;
  /** The same, past the memory: before an approved command runs. */
  readonly anew: (session: Session, command: Command) => Promise<Decision>;
  readonly connect: (session: Session) => Promise<Decision>;
  /** The policies changed, or may have. */
  readonly forget: () => void;
}

export interface JudgeDeps {
  readonly decide: Decide;
  readonly clock: Clock;
  readonly sha256: Sha256;
  readonly policyState: PolicyState;
}

export function makeJudge({ decide, clock, sha256, policyState }: JudgeDeps): Judge {
  const memory = makeMemory(clock);
  const keyOf = makeKeyOf(sha256);
  const question = (session: Session, { context, facts }: Command) => {
    const { principal, target } = session;
    return () => decide({ question: 'command', principal, target, context, facts });
  };
  return {
    command: async (session, command) => {
      const ask = question(session, command);
      const { context, facts } = command;
      const key = keyOf(policyState.versions(), { session, context, facts });
      const remembered = policyState.fresh() ? memory.recall(key, ask) : null;
      return remembered ?? memory.ask(key, ask);
    },
    anew: async (session, command) => question(session, command)(),
    connect: ({ principal, target }) => decide({ question: 'connect', principal, target }),
    forget: memory.forget,
  };
}
