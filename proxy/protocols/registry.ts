/** Every protocol of this build. Written by `npm run registry` from the folders beside it. */
import { manifest as postgres } from './postgres/manifest.ts';

export const manifests = { postgres } as const;
