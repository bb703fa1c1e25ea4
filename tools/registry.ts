/** `npm run registry`: writes proxy/protocols/registry.ts from the folders beside it. A test says when it is stale. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const PROTOCOLS = path.join(path.dirname(fileURLToPath(import.meta.url)), '../proxy/protocols');
export const REGISTRY = path.join(PROTOCOLS, 'registry.ts');

/** The registry's text: one line a folder that holds a manifest, in order of name. */
export function registryText(): string {
  const names = readdirSync(PROTOCOLS, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .filter((name) => existsSync(path.join(PROTOCOLS, name, 'manifest.ts')))
    .sort();
  const imports = names.map(
    (name) => `import { manifest as ${name} } from './${name}/manifest.ts';`,
  );
  return `/** Every protocol of this build. Written by \`npm run registry\` from the folders beside it. */
${imports.join('\n')}

export const manifests = { ${names.join(', ')} } as const;
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(REGISTRY, registryText());
