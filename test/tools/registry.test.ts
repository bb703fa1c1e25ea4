import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { manifests } from '../../proxy/protocols/registry.ts';
import { REGISTRY, registryText } from '../../tools/registry.ts';

test('the registry lists the folders under proxy/protocols', () => {
  expect(readFileSync(REGISTRY, 'utf8')).toBe(registryText());
});

test('a protocol is registered under its own name', () => {
  for (const [folder, { name }] of Object.entries(manifests)) expect(name).toBe(folder);
});
