/** Signing in at a target with its stored credential, which may have been replaced a moment ago. */
import { GatewayError } from '../../core/errors.ts';
import type { Target } from '../../core/target.ts';
import type { Upstream, Upstreams } from '../services.ts';

/**
 * Calls `signIn`, and once more where it rejects with ERR_TARGET_REFUSED and the store has another
 * credential by now: rotation is not to be felt by whoever connects in that moment.
 */
export async function withCredential<T>(
  upstreams: Upstreams,
  target: Target,
  signIn: (upstream: Upstream) => Promise<T>,
): Promise<T> {
  const upstream = await upstreams.forTarget(target);
  try {
    return await signIn(upstream);
  } catch (error) {
    // Only a credential that was refused is worth another one; a target that is down is not.
    if (!(error instanceof GatewayError) || error.code !== 'ERR_TARGET_REFUSED') throw error;
    upstreams.refused(target, upstream);
    const renewed = await upstreams.forTarget(target);
    if (renewed.user === upstream.user && renewed.password === upstream.password) throw error;
    return signIn(renewed);
  }
}
