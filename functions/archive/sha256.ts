/** The SHA-256 that core is handed. */
import { hash } from 'node:crypto';
import type { Sha256Hex } from '../../core/brand.ts';
import type { Sha256 } from '../../core/recording/chain.ts';

export const sha256Native: Sha256 = (data) => hash('sha256', data, 'hex') as Sha256Hex;
