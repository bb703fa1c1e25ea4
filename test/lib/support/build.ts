/** Vitest's global set-up of the infra project: the bundles that the templates are made of. */
import { buildFunctions } from '../../../build.ts';
import { config } from '../../../sallyport.config.ts';

export async function setup(): Promise<void> {
  await buildFunctions({ policies: config.policies ?? 'policies' });
}
