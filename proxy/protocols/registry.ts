/** Every protocol of this build, by folder. Generated from the folders of proxy/protocols: do not edit. */
import { manifest as postgres } from './postgres/manifest.ts';

export const manifests = [postgres] as const;
