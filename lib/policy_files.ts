/** Policies are compiled at synth, by the code that the decide function runs: a bad one never ships. */

import { formatProblem } from '../core/policy/policy_set.ts';
import { checkPolicies } from '../functions/decide/policies.ts';
import type { GatewayConfig } from './config.ts';
import type { Problem } from './validate.ts';

/** Problems with file and line. Rejects with ERR_POLICY_INVALID where the files cannot be read. */
export async function checkPolicyFiles(config: GatewayConfig): Promise<Problem[]> {
  const targets = config.targets.map(({ name }) => name);
  const compiled = await checkPolicies(config.policies, { groups: null, targets });
  return compiled.kind === 'compiled' ? [] : compiled.problems.map(formatProblem);
}
